/**
 * Quantities for people: their names, which one says most about a device, and how their values
 * are written (UCUM codes become the signs that people read; big energies become kWh).
 */

import { language, number, t } from "./text.js";

/** Names, most telling first: the order decides which value leads a device's row. */
const NAMES = {
  __proto__: null, // a vendor may call a field "constructor"
  water_leak: ["Water leak", "Wasseraustritt"],
  active_power: ["Power", "Leistung"],
  co2: ["CO₂", "CO₂"],
  pm2_5: ["PM2.5", "PM2,5"],
  pm10: ["PM10", "PM10"],
  pm1: ["PM1", "PM1"],
  no2: ["NO₂", "NO₂"],
  o3: ["Ozone", "Ozon"],
  noise_laeq: ["Noise LAeq", "Lärm LAeq"],
  level: ["Level", "Pegel"],
  flow: ["Flow", "Durchfluss"],
  temperature: ["Temperature", "Temperatur"],
  active_energy_import: ["Energy import", "Bezug"],
  active_energy_export: ["Energy export", "Einspeisung"],
  heat_energy: ["Heat", "Wärme"],
  heat_power: ["Heat power", "Wärmeleistung"],
  heat_volume: ["Heating water", "Heizwasser"],
  cooling_energy: ["Cooling", "Kälte"],
  temperature_difference: ["Temperature difference", "Temperaturdifferenz"],
  mass_flow: ["Mass flow", "Massenstrom"],
  gas_volume: ["Gas", "Gas"],
  water_volume: ["Water", "Wasser"],
  soil_moisture: ["Soil moisture", "Bodenfeuchte"],
  conductivity: ["Conductivity", "Leitfähigkeit"],
  ph: ["pH", "pH"],
  turbidity: ["Turbidity", "Trübung"],
  people_count: ["People", "Personen"],
  solar_irradiance: ["Sun", "Einstrahlung"],
  uv_index: ["UV index", "UV-Index"],
  rainfall: ["Rain", "Regen"],
  wind_speed: ["Wind", "Wind"],
  wind_direction: ["Wind direction", "Windrichtung"],
  occupancy: ["Occupied", "Belegt"],
  motion: ["Motion", "Bewegung"],
  contact: ["Contact", "Kontakt"],
  humidity: ["Humidity", "Feuchte"],
  illuminance: ["Light", "Licht"],
  pressure: ["Pressure", "Luftdruck"],
  differential_pressure: ["Pressure difference", "Druckdifferenz"],
  tvoc: ["TVOC", "TVOC"],
  dew_point: ["Dew point", "Taupunkt"],
  noise_peak: ["Noise peak", "Lärmspitze"],
  distance: ["Distance", "Abstand"],
  pulse_count: ["Pulses", "Impulse"],
  voltage: ["Voltage", "Spannung"],
  current: ["Current", "Strom"],
  power_factor: ["Power factor", "Leistungsfaktor"],
  frequency: ["Frequency", "Frequenz"],
  reactive_power: ["Reactive power", "Blindleistung"],
  apparent_power: ["Apparent power", "Scheinleistung"],
  reactive_energy_import: ["Reactive import", "Blindarbeit Bezug"],
  reactive_energy_export: ["Reactive export", "Blindarbeit Lieferung"],
  apparent_energy: ["Apparent energy", "Scheinarbeit"],
  analog_input: ["Analogue in", "Analogeingang"],
  analog_output: ["Analogue out", "Analogausgang"],
  digital_input: ["Digital in", "Digitaleingang"],
  digital_output: ["Digital out", "Digitalausgang"],
  acceleration: ["Acceleration", "Beschleunigung"],
};
const LAST = {
  __proto__: null,
  low_battery: ["Battery low", "Batterie schwach"],
  battery_level: ["Battery", "Batterie"],
  battery_voltage: ["Battery", "Batterie"],
  on_time: ["On for", "Eingeschaltet"],
  operating_time: ["In operation", "In Betrieb"],
  link_margin: ["Link margin", "Funkreserve"],
  rssi: ["RSSI", "RSSI"],
  snr: ["SNR", "SNR"],
};
const RANK = new Map([
  ...Object.keys(NAMES).map((name, at) => [name, at]),
  ...Object.keys(LAST).map((name, at) => [name, 1000 + at]),
]);
const YES_NO = new Set(["water_leak", "occupancy", "low_battery"]);

/** UCUM code → [sign, fraction digits]. */
const SIGNS = {
  __proto__: null,
  Cel: ["°C", 1],
  "%": ["%", 0],
  "[ppm]": ["ppm", 0],
  "[ppb]": ["ppb", 0],
  W: ["W", 0],
  Wh: ["Wh", 0],
  var: ["var", 0],
  "var.h": ["varh", 0],
  VA: ["VA", 0],
  "VA.h": ["VAh", 0],
  V: ["V", 1],
  A: ["A", 2],
  Hz: ["Hz", 2],
  m3: ["m³", 3],
  "m3/h": ["m³/h", 3],
  "ug/m3": ["µg/m³", 1],
  dB: ["dB", 1],
  "dB[mW]": ["dBm", 0],
  hPa: ["hPa", 1],
  lx: ["lx", 0],
  m: ["m", 2],
  "m/s": ["m/s", 1],
  mm: ["mm", 1],
  deg: ["°", 0],
  K: ["K", 1],
  Pa: ["Pa", 0],
  s: ["s", 0],
  "kg/h": ["kg/h", 1],
  "W/m2": ["W/m²", 0],
  "uS/cm": ["µS/cm", 0],
  "[pH]": ["", 2],
  "[NTU]": ["NTU", 1],
  1: ["", 2],
};
/** Unit → from where on it is written in mega: a meter's display, and its reader, speak kWh. */
const MEGA_FROM = {
  __proto__: null,
  W: 1e6,
  var: 1e6,
  VA: 1e6,
  Wh: 1e9,
  "var.h": 1e9,
  "VA.h": 1e9,
};

/** Return how telling a quantity is: a small number leads, an unknown one stands in the middle. */
export function rank(quantity) {
  return RANK.get(quantity) ?? 500;
}

/** Return a quantity's name in the page's language; a vendor's own field keeps its words. */
export function quantityName(quantity) {
  const names = NAMES[quantity] ?? LAST[quantity];
  if (!names) return String(quantity).replaceAll("_", " ");
  return names[language() === "de" ? 1 : 0];
}

/** Return the name of a series: its quantity, and the channel where there is one. */
export function seriesName({ quantity, channel }) {
  return channel ? `${quantityName(quantity)} ${channel}` : quantityName(quantity);
}

/** Return {factor, sign, digits} with which values up to `magnitude` in a UCUM unit read well. */
export function scale(unit, magnitude) {
  const [sign, digits] = SIGNS[unit] ?? [unit ?? "", 2];
  if (unit in MEGA_FROM) {
    if (magnitude >= MEGA_FROM[unit]) return { factor: 1e-6, sign: `M${sign}`, digits: 2 };
    if (magnitude >= 1e3) return { factor: 1e-3, sign: `k${sign}`, digits: 2 };
  }
  return { factor: 1, sign, digits };
}

/** Return a value with its unit as people write it: 21.4 °C, 12.35 kWh, yes. */
export function valueText(value, unit, quantity = "") {
  if (typeof value !== "number" || !Number.isFinite(value)) return "–";
  if (YES_NO.has(quantity)) return value === 0 ? t("no") : t("yes");
  const { factor, sign, digits } = scale(unit, Math.abs(value));
  const precise = quantity === "battery_voltage" ? 2 : digits;
  const exact = SIGNS[unit] && sign !== "" ? precise : 0; // without a unit, 3 stays 3
  const text = number(value * factor, exact, precise);
  if (sign === "") return text;
  return sign === "°" ? `${text}°` : `${text}\u00a0${sign}`;
}
