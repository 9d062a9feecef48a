import en from "./words/en.json";
import vi from "./words/vi.json";

export const WORDS = { en, vi };

/** Title and text of an outcome. Nothing of it is the server's own text but a name and a time. */
export function say(language, { code, ...details }) {
  const facts = { ...details, wait: details.wait_s && duration(language, details.wait_s) };
  const fill = (text) => text.replace(/\{(\w+)\}/g, (_, name) => facts[name]);
  return WORDS[language].outcomes[code].map(fill);
}

function duration(language, seconds) {
  const [number, unit] = seconds <= 90 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(number);
}
