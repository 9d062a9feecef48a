import CODES from "./codes.json";

/** A refusal of the API, or no answer from it: `outcome` has the code of the page's words for it. */
export class Refusal extends Error {
  constructor(outcome) {
    super(outcome.code);
    this.outcome = outcome;
  }
}

/** Start a liveness session. `ahead_ms`: how far this device's clock is ahead of the server's. */
export async function begin(api, token) {
  const asked = Date.now();
  const session = await post(api, token, "/v1/liveness-sessions");
  const between = (asked + Date.now()) / 2;
  return { ...session, ahead_ms: between - Date.parse(session.server_time) };
}

/** Spend a finished session. However often it is asked for, by its key it is one punch with one receipt. */
export function punch(api, token, sessionId) {
  return post(api, token, "/v1/punches", { liveness_session_id: sessionId }, { "Idempotency-Key": sessionId });
}

/** What API Gateway says itself has no Code. */
const BY_STATUS = { 401: "NoAccess", 403: "NoAccess", 429: "TooManyRequests", 503: "Busy", 504: "Busy" };

/** How long to wait where the answer does not say. */
const WAIT_S = 10;

async function post(api, token, path, body, extra) {
  const headers = { ...extra };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(api + path, { method: "POST", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refusal({ code: "NoConnection" });
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const wait_s = Number(answer.headers.get("Retry-After")) || WAIT_S;
  throw new Refusal({ code: CODES[said.Code] ?? BY_STATUS[answer.status] ?? "Failed", wait_s });
}
