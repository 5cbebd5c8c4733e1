/**
 * The geometry of the map: degrees to px, many devices at one place, hulls around districts.
 *
 * A city is small: degrees are taken as a plane, with those of longitude shortened by the cosine
 * of the middle latitude (equirectangular projection, Snyder 1987, USGS PP 1395, section 12). Over
 * 30 km that is wrong by less than a dot is wide.
 */

const STEP_PX = 11; // between neighbours at one place
const GOLDEN = Math.PI * (3 - Math.sqrt(5)); // Vogel 1979: seeds of a sunflower never line up

/** Return project(latitude, longitude) → [x, y] that fits places into a box of px, north up. */
export function projection(places, { width, height, margin }) {
  const latitudes = places.map(({ latitude }) => latitude);
  const longitudes = places.map(({ longitude }) => longitude);
  const [south, north] = [least(latitudes), most(latitudes)];
  const [west, east] = [least(longitudes), most(longitudes)];
  const [middleY, middleX] = [(south + north) / 2, (west + east) / 2];
  const short = Math.cos((middleY * Math.PI) / 180);
  const across = (width - 2 * margin) / Math.max((east - west) * short, 1e-9);
  const up = (height - 2 * margin) / Math.max(north - south, 1e-9);
  const smallest = 0.002; // degrees, about 200 m: a single place is no world of its own
  const scale = Math.min(across, up, Math.min(width, height) / smallest);
  return (latitude, longitude) => [
    width / 2 + (longitude - middleX) * short * scale,
    height / 2 - (latitude - middleY) * scale,
  ];
}

/** Return n points around one, near each other and apart: the first is the place itself. */
export function around([x, y], n) {
  return Array.from({ length: n }, (_, k) => {
    const far = STEP_PX * Math.sqrt(k);
    return [x + far * Math.cos(k * GOLDEN), y + far * Math.sin(k * GOLDEN)];
  });
}

/** Return the convex hull of points, in order (Andrew 1979, the monotone chain). */
export function hull(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const half = (some) => {
    const chain = [];
    for (const point of some) {
      while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop(); // it begins the other half
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

/** Return the index of the nearest point in a direction (dx, dy), -1 if none lies there. */
export function next(points, from, [dx, dy]) {
  let [best, found] = [Infinity, -1];
  points.forEach(([x, y], at) => {
    const ahead = (x - from[0]) * dx + (y - from[1]) * dy;
    const aside = Math.abs((x - from[0]) * dy - (y - from[1]) * dx);
    if (ahead <= 0.01 || aside > 2 * ahead) return; // within about 63° of where one wants to go
    const cost = ahead + 2 * aside;
    if (cost < best) [best, found] = [cost, at];
  });
  return found;
}

function turn(a, b, c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

function least(values) {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values) {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}
