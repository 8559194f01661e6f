// Every <time datetime>, also one that is added later, in the reader's own zone; exact on hover.

const language = document.documentElement.lang;
const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const DAY = 864e5;

const show = (when, options) => when.toLocaleString(language, options);
const clock = (when) => show(when, { hour: "2-digit", minute: "2-digit" });
const midnight = (when) => new Date(when).setHours(0, 0, 0, 0);

function spoken(when, now, { clock: clockOnly, day: dayOnly } = {}) {
  const days = Math.round((midnight(when) - midnight(now)) / DAY);
  const minutes = Math.round((when - now) / 6e4);
  const year = when.getFullYear() === now.getFullYear() ? undefined : "numeric";
  const date = days <= 0 && days >= -1
    ? words.format(days, "day")
    : show(when, { day: "numeric", month: "short", year });
  if (dayOnly !== undefined) return date;
  if (clockOnly !== undefined && days === 0) return clock(when);
  if (clockOnly === undefined && minutes <= 0 && minutes > -60) {
    return minutes === 0 ? words.format(0, "second") : words.format(minutes, "minute");
  }
  return `${date}, ${clock(when)}`;
}

function localise(time) {
  const when = new Date(time.dateTime);
  if (Number.isNaN(when.getTime())) return;
  const text = spoken(when, new Date(), time.dataset);
  if (time.textContent !== text) time.textContent = text;
  time.title = show(when, { dateStyle: "full", timeStyle: "long" });
}

const all = () => document.querySelectorAll("time[datetime]").forEach(localise);
all();
new MutationObserver(all).observe(document.body, { childList: true, subtree: true });
setInterval(all, 6e4);
