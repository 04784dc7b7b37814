/** Points in time as OpenSSH writes and reads them: seconds since 1970, `2030-01-01T00:00:00`, `20300101120000Z`. */

export interface TimeZoneOptions {
  /** Whose clock the times are by. Default: the local time zone, as ssh-keygen has it. */
  readonly timeZone?: 'local' | 'utc'
}

/** After 400 years the calendar is the same again. */
const cycle = { years: 400, seconds: 12_622_780_800n } as const
/** Date goes on a little longer than this. */
const mostSeconds = 253_402_300_800n
/** The C library's year is an int. */
const lastSecond = 67_768_036_191_676_799n

/** `2030-01-01T00:00:00`. */
export function formatTime(seconds: bigint, { timeZone = 'local' }: TimeZoneOptions = {}): string {
  if (seconds > lastSecond) return 'UNKNOWN-TIME'
  const cycles = seconds < mostSeconds ? 0n : (seconds - mostSeconds) / cycle.seconds + 1n
  const time = new Date(Number(seconds - cycles * cycle.seconds) * 1000)
  const utc = timeZone === 'utc'
  const year = (utc ? time.getUTCFullYear() : time.getFullYear()) + Number(cycles) * cycle.years
  const parts = utc
    ? [
        time.getUTCMonth() + 1,
        time.getUTCDate(),
        time.getUTCHours(),
        time.getUTCMinutes(),
        time.getUTCSeconds(),
      ]
    : [time.getMonth() + 1, time.getDate(), time.getHours(), time.getMinutes(), time.getSeconds()]
  const [month, day, hour, minute, second] = parts.map((part) => String(part).padStart(2, '0'))
  return `${year}-${month}-${day}T${hour}:${minute}:${second}`
}

/** Seconds of `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` for UTC; undefined for anything else. */
export function parseTime(text: string, { timeZone = 'local' }: TimeZoneOptions = {}): bigint | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/.exec(text)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0)) as [number, number, number, number, number, number]
  const utc = timeZone === 'utc' || parts[7] === 'Z'
  const time = utc
    ? new Date(Date.UTC(year, month - 1, day, hour, minute, second))
    : new Date(year, month - 1, day, hour, minute, second)
  // The 31st of February is not the 3rd of March.
  const isReal =
    year >= 1970 &&
    month >= 1 &&
    month <= 12 &&
    day === (utc ? time.getUTCDate() : time.getDate()) &&
    hour < 24 &&
    minute < 60 &&
    second < 60
  return isReal && time.getTime() >= 0 ? BigInt(time.getTime()) / 1000n : undefined
}
