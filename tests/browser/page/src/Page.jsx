import { FaceLivenessDetectorCore } from "@aws-amplify/ui-react-liveness";
import { useEffect, useRef, useState } from "react";
import { begin, punch } from "./api.js";
import { clockOutcome, componentOutcome, isUnsettled, receiptOutcome } from "./outcomes.js";
import { WORDS, say } from "./words.js";

const FILES = { binaryPath: "wasm/", faceModelUrl: "model/facemesh-detection-short.json" };

/** One camera: start, AWS's check, the punch; every end offers a new start, or the same punch once more. */
export function Page({ settings }) {
  const [language, setLanguage] = useState(settings.language);
  const [token, setToken] = useState(settings.token);
  const [step, setStep] = useState({ name: "ready" });
  const words = WORDS[language];

  useEffect(() => {
    document.documentElement.lang = language;
    document.title = words.title;
  }, [language]);

  async function start() {
    setStep({ name: "starting" });
    try {
      const session = await begin(settings.api, token);
      const wrong = session.streaming ? clockOutcome(session) : { code: "NoStreaming" };
      setStep(wrong ? { name: "ended", outcome: wrong } : { name: "checking", session });
    } catch (refusal) {
      setStep({ name: "ended", outcome: refusal.outcome });
    }
  }

  async function record(session) {
    setStep({ name: "recording" });
    try {
      const receipt = await punch(settings.api, token, session.session_id);
      setStep({ name: "ended", outcome: receiptOutcome(receipt) });
    } catch (refusal) {
      setStep({ name: "ended", outcome: refusal.outcome, session });
    }
  }

  /** Whoever was not answered asks again: a new session's punch could be a second one. */
  function again() {
    const { session, outcome } = step;
    return session && isUnsettled(session, outcome) ? record(session) : start();
  }

  return (
    <main>
      <header>
        <h1>{words.title}</h1>
        <button type="button" lang={words.other} onClick={() => setLanguage(words.other)}>
          {WORDS[words.other].language}
        </button>
      </header>
      {step.name === "ready" && <Ready words={words} token={token} setToken={setToken} start={start} />}
      {step.name === "checking" && (
        <Check
          key={step.session.session_id}
          session={step.session}
          words={words}
          done={() => record(step.session)}
          failed={(outcome) => setStep({ name: "ended", outcome })}
        />
      )}
      <div role="status">
        {(step.name === "starting" || step.name === "recording") && <p>{words[step.name]}</p>}
      </div>
      {step.name === "ended" && <Ended language={language} outcome={step.outcome} again={again} />}
    </main>
  );
}

function Ready({ words, token, setToken, start }) {
  const given = useRef(token !== "");
  const submit = (event) => {
    event.preventDefault();
    start();
  };
  return (
    <form onSubmit={submit}>
      <p>{words.introduction}</p>
      {!given.current && (
        <label>
          {words.token} <input type="password" autoComplete="off" value={token} onChange={(e) => setToken(e.target.value)} />
        </label>
      )}
      <button type="submit">{words.start}</button>
    </form>
  );
}

/** AWS's component for one session. Only the first thing it reports counts: a second is an echo. */
function Check({ session, words, done, failed }) {
  const over = useRef(false);
  const once = (report) => async (given) => {
    if (over.current) return;
    over.current = true;
    await report(given);
  };
  const { endpoint, credentials } = session.streaming;
  const lent = {
    accessKeyId: credentials.access_key_id,
    secretAccessKey: credentials.secret_access_key,
    sessionToken: credentials.session_token,
    expiration: new Date(credentials.expiration),
  };
  return (
    <FaceLivenessDetectorCore
      sessionId={session.session_id}
      region={session.region}
      displayText={words.component}
      onAnalysisComplete={once(done)}
      onUserCancel={once(() => failed({ code: "Cancelled" }))}
      onError={once(async (error) => failed(await componentOutcome(error)))}
      config={{ ...FILES, credentialProvider: async () => lent, endpointOverride: endpoint ?? undefined }}
    />
  );
}

function Ended({ language, outcome, again }) {
  const heading = useRef(null);
  useEffect(() => heading.current.focus(), []);
  const words = WORDS[language];
  const [title, text] = say(language, outcome);
  return (
    <section className={outcome.good ? "good" : "bad"}>
      <h2 ref={heading} tabIndex={-1}>
        {title}
      </h2>
      <p>{text}</p>
      <button type="button" onClick={again}>
        {outcome.good ? words.next : words.again}
      </button>
    </section>
  );
}
