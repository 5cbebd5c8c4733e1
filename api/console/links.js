/** Addresses of the pages about one thing, as the other pages link to them. */

const DAY = 86400e3;
const DAYS = [1, 7, 30, 365]; // the spans that the page of anomalies offers

function search(facts) {
  return new URLSearchParams(Object.entries(facts).filter(([, value]) => value)).toString();
}

/** Return where a device's page is, with one of its series picked. */
export function deviceHref({ device, quantity, channel }, period = "") {
  return `device?${search({ id: device, quantity, channel, period })}`;
}

/** Return where an anomaly is in the queue, among those of its device. */
export function anomalyHref({ id, device, startMs, endMs }, nowMs) {
  if (endMs === null) return `anomalies#${search({ device, id })}`;
  const days = DAYS.find((n) => startMs > nowMs - n * DAY) ?? DAYS.at(-1);
  return `anomalies#${search({ state: "ended", days, device, id })}`;
}
