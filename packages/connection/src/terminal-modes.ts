/** Encoded terminal modes of pty-req (RFC 4254 §8, RFC 8160 for IUTF8). */

import { Reader, UsageError, Writer } from '@hawser/wire'

/** Opcodes by their names (RFC 4254 §8). */
export const terminalModeOpcodes = {
  VINTR: 1,
  VQUIT: 2,
  VERASE: 3,
  VKILL: 4,
  VEOF: 5,
  VEOL: 6,
  VEOL2: 7,
  VSTART: 8,
  VSTOP: 9,
  VSUSP: 10,
  VDSUSP: 11,
  VREPRINT: 12,
  VWERASE: 13,
  VLNEXT: 14,
  VFLUSH: 15,
  VSWTCH: 16,
  VSTATUS: 17,
  VDISCARD: 18,
  IGNPAR: 30,
  PARMRK: 31,
  INPCK: 32,
  ISTRIP: 33,
  INLCR: 34,
  IGNCR: 35,
  ICRNL: 36,
  IUCLC: 37,
  IXON: 38,
  IXANY: 39,
  IXOFF: 40,
  IMAXBEL: 41,
  /** RFC 8160 */
  IUTF8: 42,
  ISIG: 50,
  ICANON: 51,
  XCASE: 52,
  ECHO: 53,
  ECHOE: 54,
  ECHOK: 55,
  ECHONL: 56,
  NOFLSH: 57,
  TOSTOP: 58,
  IEXTEN: 59,
  ECHOCTL: 60,
  ECHOKE: 61,
  PENDIN: 62,
  OPOST: 70,
  OLCUC: 71,
  ONLCR: 72,
  OCRNL: 73,
  ONOCR: 74,
  ONLRET: 75,
  CS7: 90,
  CS8: 91,
  PARENB: 92,
  PARODD: 93,
  TTY_OP_ISPEED: 128,
  TTY_OP_OSPEED: 129,
} as const
export type TerminalModeName = keyof typeof terminalModeOpcodes

/** Modes by name; flags are 0 or 1, characters their code (255: none), speeds bits per second. */
export type TerminalModes = Readonly<Partial<Record<TerminalModeName, number>>>

const names: ReadonlyMap<number, TerminalModeName> = new Map(
  (Object.entries(terminalModeOpcodes) as [TerminalModeName, number][]).map(([name, opcode]) => [
    opcode,
    name,
  ]),
)
const endOfModes = 0
/** RFC 4254 §8: "Opcodes 160 to 255 are not yet defined, and cause parsing to stop". */
const firstUndefined = 160

/** The encoded modes, ended by TTY_OP_END. Throws UsageError for a name or value that cannot be sent. */
export function encodeTerminalModes(modes: TerminalModes): Uint8Array {
  const writer = new Writer()
  for (const [name, value] of Object.entries(modes)) {
    if (value === undefined) continue
    if (!Object.hasOwn(terminalModeOpcodes, name)) throw new UsageError(`"${name}" is not a terminal mode`)
    writer.byte(terminalModeOpcodes[name as TerminalModeName]).uint32(value)
  }
  return writer.byte(endOfModes).finish()
}

/**
 * The modes in `encoded`, the last one of a name. Opcodes below 160 without a name are passed over, one from 160 up ends it,
 * as does the end of the bytes (some clients leave TTY_OP_END out). Throws ProtocolError when a value is cut off.
 */
export function decodeTerminalModes(encoded: Uint8Array): TerminalModes {
  const modes: Partial<Record<TerminalModeName, number>> = {}
  const reader = new Reader(encoded, 'terminal modes')
  while (reader.left > 0) {
    const opcode = reader.byte()
    if (opcode === endOfModes || opcode >= firstUndefined) break
    const value = reader.uint32()
    const name = names.get(opcode)
    if (name !== undefined) modes[name] = value
  }
  return modes
}
