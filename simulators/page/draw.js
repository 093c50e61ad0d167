// Drawing, and how times, amounts and numbers are written.

/** Builds an element; strings become text, so nothing a message says is ever read as markup. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export function deedButton(label, deed) {
  const button = draw("button", { type: "button" }, label);
  button.addEventListener("click", deed);
  return button;
}

export const nairobi = (at, options, locale = "en-GB") => new Intl.DateTimeFormat(locale, { timeZone: "Africa/Nairobi", ...options }).format(at);
export const clockTime = (at) => nairobi(at, { hour: "2-digit", minute: "2-digit", hour12: false });
export const shillings = (amount) => Number(amount).toLocaleString("en-KE", { maximumFractionDigits: 2 });

/** `2:05`, or `1:02:05`. */
export function elapsed(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export const local = (msisdn) => msisdn.replace(/^\+?254(\d{3})(\d{3})(\d{3})$/, "0$1 $2 $3");

/** A Kenyan mobile number as anyone writes it, in the form the network uses, or null. */
export function international(typed) {
  const national = typed.replace(/\D/g, "").replace(/^(254|0)/, "");
  return /^[17]\d{8}$/.test(national) ? `254${national}` : null;
}
