// Every <time datetime>, also a later one, and [data-zone] in the reader's own zone; exact on hover.

const language = document.documentElement.lang;
const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

const show = (when, options) => when.toLocaleString(language, options);
const clock = (when) => show(when, { timeStyle: "short" });
const midnight = (when) => new Date(when).setHours(0, 0, 0, 0);

function spoken(when, asked) {
  const now = new Date();
  const days = Math.round((midnight(when) - midnight(now)) / 864e5);
  const minutes = Math.round((when - now) / 6e4);
  const year = when.getFullYear() === now.getFullYear() ? undefined : "numeric";
  const date = [0, -1].includes(days)
    ? words.format(days, "day")
    : show(when, { day: "numeric", month: "short", year });
  if ("day" in asked) return date;
  if ("clock" in asked) {
    if (days === 0) return clock(when);
  } else if (minutes <= 0 && minutes > -60) {
    return words.format(minutes, minutes ? "minute" : "second");
  }
  return `${date}, ${clock(when)}`;
}

function localise(time) {
  const when = new Date(time.dateTime);
  if (isNaN(when)) return;
  const text = spoken(when, time.dataset);
  if (time.textContent !== text) time.textContent = text;
  time.title = show(when, { dateStyle: "full", timeStyle: "long" });
}

const all = () => document.querySelectorAll("time[datetime]").forEach(localise);
all();
new MutationObserver(all).observe(document.body, { childList: true, subtree: true });
setInterval(all, 6e4);

document.querySelector("[data-zone]")
  ?.setAttribute("value", Intl.DateTimeFormat().resolvedOptions().timeZone);
