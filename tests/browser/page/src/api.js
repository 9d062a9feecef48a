/** A refusal of the API, or no answer from it; `code` is the API's own, or NoConnection. */
export class Refusal extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Start a liveness session. `ahead_ms`: how far this device's clock is ahead of the server's. */
export async function begin(api, token) {
  const asked = Date.now();
  const session = await post(api, token, "/v1/liveness-sessions");
  const between = (asked + Date.now()) / 2;
  return { ...session, ahead_ms: between - Date.parse(session.server_time) };
}

/** Spend a finished session. */
export function punch(api, token, sessionId) {
  return post(api, token, "/v1/punches", { liveness_session_id: sessionId });
}

async function post(api, token, path, body) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(api + path, { method: "POST", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refusal("NoConnection");
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw new Refusal(answer.status === 401 || answer.status === 403 ? "NoAccess" : said.Code ?? "Failed");
}
