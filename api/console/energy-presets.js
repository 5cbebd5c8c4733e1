/** Spans that planners ask for often, by the calendar of the site's zone. */

const DAY = 864e5;
const iso = (ms) => new Date(ms).toISOString().slice(0, 10);

function days(today, { year = 0, month = 0, day = 0 }) {
  const [y, m, d] = today.split("-").map(Number);
  return iso(Date.UTC(y + year, m - 1 + month, d + day));
}

/** Return {name: {start, end, by}} of a local day such as "2026-03-29"; end is the day after. */
export function presets(today) {
  const weekday = (new Date(`${today}T00:00Z`).getUTCDay() + 6) % 7; // 0 is Monday
  const tomorrow = iso(Date.parse(`${today}T00:00Z`) + DAY);
  const month = `${today.slice(0, 8)}01`;
  const year = `${today.slice(0, 5)}01-01`;
  return {
    today: { start: today, end: tomorrow, by: "hour" },
    week: { start: days(today, { day: -weekday }), end: tomorrow, by: "day" },
    thisMonth: { start: month, end: tomorrow, by: "day" },
    lastMonth: { start: days(month, { month: -1 }), end: month, by: "day" },
    thisYear: { start: year, end: tomorrow, by: "month" },
    lastYear: { start: days(year, { year: -1 }), end: year, by: "month" },
  };
}
