/** Names and numbers of the documented surface: signals, terminal modes, SFTP codes. */

/** RFC 4254 §6.10, and USR1, USR2 as in its list. */
const signals = [
  'ABRT',
  'ALRM',
  'FPE',
  'HUP',
  'ILL',
  'INT',
  'KILL',
  'PIPE',
  'QUIT',
  'SEGV',
  'TERM',
  'USR1',
  'USR2',
] as const

/** A signal's name without `SIG`; throws for a name that the protocol does not have. */
export function signalName(name: string): string {
  const bare = String(name).toUpperCase().replace(/^SIG/, '')
  if (!(signals as readonly string[]).includes(bare))
    throw new Error(`Invalid signal: ${name} (valid are ${signals.join(', ')})`)
  return bare
}

/** Status codes of SFTP version 3 (draft-ietf-secsh-filexfer-02 §7); numbers also map to names, which no listing shows. */
export const STATUS_CODE = withReverse({
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
})

/** Flags of SSH_FXP_OPEN (draft-ietf-secsh-filexfer-02 §6.3). */
export const OPEN_MODE = {
  READ: 1,
  WRITE: 2,
  APPEND: 4,
  CREAT: 8,
  TRUNC: 16,
  EXCL: 32,
}

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = OPEN_MODE
const flagNames: readonly (readonly [string, number])[] = [
  ['r', READ],
  ['r+', READ | WRITE],
  ['w', TRUNC | CREAT | WRITE],
  ['wx', TRUNC | CREAT | WRITE | EXCL],
  ['xw', TRUNC | CREAT | WRITE | EXCL],
  ['w+', TRUNC | CREAT | READ | WRITE],
  ['wx+', TRUNC | CREAT | READ | WRITE | EXCL],
  ['xw+', TRUNC | CREAT | READ | WRITE | EXCL],
  ['a', APPEND | CREAT | WRITE],
  ['ax', APPEND | CREAT | WRITE | EXCL],
  ['xa', APPEND | CREAT | WRITE | EXCL],
  ['a+', APPEND | CREAT | READ | WRITE],
  ['ax+', APPEND | CREAT | READ | WRITE | EXCL],
  ['xa+', APPEND | CREAT | READ | WRITE | EXCL],
]

/** The mask of a flags string such as `wx+`; null for any other string. */
export function stringToFlags(flags: string): number | null {
  return flagNames.find(([name]) => name === flags)?.[1] ?? null
}

/** The first flags string of a mask; null when there is none. */
export function flagsToString(mask: number): string | null {
  return flagNames.find(([, flags]) => flags === mask)?.[0] ?? null
}

function withReverse<T extends Record<string, number>>(codes: T): T & Readonly<Record<number, string>> {
  for (const [name, code] of Object.entries(codes))
    Object.defineProperty(codes, code, { value: name, enumerable: false })
  return codes as T & Readonly<Record<number, string>>
}
