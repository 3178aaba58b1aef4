const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Formats a size for people, in binary units: `512 bytes`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let size = bytes
  let unit = 0
  // With 1024 as the threshold, 1023.96 KiB would be rounded to 1024.0 KiB instead of 1.0 MiB.
  while (Math.abs(size) >= 1023.95 && unit < UNITS.length - 1) {
    size /= 1024
    unit++
  }
  const number = unit === 0 ? String(size) : String(Number(size.toFixed(1)))
  return unit === 0 && Math.abs(size) === 1 ? `${number} byte` : `${number} ${UNITS[unit]}`
}
