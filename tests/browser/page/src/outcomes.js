/** Beyond this a signature may be refused (AWS allows 5 minutes); some is left for the check itself. */
const MOST_SKEW_MS = 4 * 60_000;

/** The outcome of a session whose device's clock is too wrong to go on; undefined if it is good. */
export function clockOutcome(session) {
  if (Math.abs(session.ahead_ms) <= MOST_SKEW_MS) return undefined;
  const minutes = Math.round(Math.abs(session.ahead_ms) / 60_000);
  return { code: session.ahead_ms > 0 ? "ClockAhead" : "ClockBehind", minutes };
}

/** The outcome of a punch. The time is the site's wall clock, whatever zone this device is in. */
export function receiptOutcome({ duplicate, direction, name, at }) {
  const code = (duplicate ? "Already" : "") + (direction === "in" ? "In" : "Out");
  return { code, name, time: at.slice(11, 16), good: true };
}

const UNSETTLED = new Set(["NoConnection", "Busy", "TooManyRequests", "Unfinished", "Failed"]);

/** Whether the same session should be spent again: it may have been, unheard, or can still be. */
export function isUnsettled(session, { code }) {
  return UNSETTLED.has(code) && Date.now() - session.ahead_ms < Date.parse(session.expires_at);
}

const STATES = {
  TIMEOUT: "TimedOut",
  CONNECTION_TIMEOUT: "NoConnection",
  CAMERA_FRAMERATE_ERROR: "CameraTooSlow",
  FACE_DISTANCE_ERROR: "TooClose",
  MULTIPLE_FACES_ERROR: "SeveralFaces",
  MOBILE_LANDSCAPE_ERROR: "Landscape",
};

/** The outcome behind what AWS's component gives to onError. */
export async function componentOutcome({ state, error }) {
  if (state === "CAMERA_ACCESS_ERROR" || state === "DEFAULT_CAMERA_NOT_FOUND_ERROR") return cameraOutcome();
  if (state === "SERVER_ERROR") return { code: serverCode(error?.name ?? "", error?.message ?? error?.Message ?? "") };
  return { code: STATES[state] ?? "Failed" };
}

function serverCode(name, message) {
  if (name === "SessionNotFoundException" || /expired/i.test(message)) return "SessionExpired";
  if (/region/i.test(message)) return "WrongRegion";
  if (/could not be judged/i.test(message)) return "PoorVideo";
  return "Failed";
}

/** The component says only that there is no picture; the browser knows why. */
async function cameraOutcome() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  if (!devices.some((device) => device.kind === "videoinput")) return { code: "NoCamera" };
  const permission = await navigator.permissions.query({ name: "camera" }).catch(() => undefined);
  return { code: permission?.state === "granted" ? "CameraBusy" : "CameraRefused" };
}
