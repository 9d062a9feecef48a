/**
 * What the page's address says: #api=https://host/stage&token=rc_...&language=vi
 *
 * All of it is in the fragment, which no server sees, and which is taken off the address bar so
 * that a token is not read off the screen or kept in the history.
 */
export function settings() {
  const given = new URLSearchParams(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
  return {
    api: (given.get("api") ?? "").replace(/\/$/, ""),
    token: given.get("token") ?? "",
    language: given.get("language") === "vi" ? "vi" : "en",
  };
}
