/** The arguments of `exec` and `shell`, in all their shapes, as the request that starts a program. */

import { randomBytes } from 'node:crypto'
import type { ProcessRequest, Pty } from '@hawser/client'
import type { ClientCallback, ExecOptions, PseudoTtyOptions, ShellOptions, X11Options } from './types.ts'

export type Program = { readonly command: string } | { readonly shell: true } | { readonly subsystem: string }

/** How a program is started, and how its channel behaves. */
export interface ProgramWish extends ShellOptions {
  readonly pty?: Pty | undefined
  /** Default true. */
  readonly allowHalfOpen?: boolean
}

/** The documented defaults of a pseudo-terminal. */
const terminal = { rows: 24, cols: 80, height: 480, width: 640, term: 'vt100' } as const

/** The arguments of `exec` behind the command: the options may be left out. */
export function execArguments(
  options: ExecOptions | ClientCallback | undefined,
  callback: ClientCallback | undefined,
): [ProgramWish, ClientCallback] {
  if (typeof options === 'function') return [{}, options]
  return [{ ...options, pty: ptyOptions(options?.pty) }, callback as ClientCallback]
}

/** The arguments of `shell`: each of the two options may be left out, and a single one may be either. */
export function shellArguments(
  window: PseudoTtyOptions | ShellOptions | ClientCallback | false | undefined | null,
  options: ShellOptions | ClientCallback | undefined,
  callback: ClientCallback | undefined,
): [ProgramWish, ClientCallback] {
  let terminal = window
  let surroundings = options
  let done = callback
  if (typeof terminal === 'function') [terminal, surroundings, done] = [undefined, undefined, terminal]
  else if (typeof surroundings === 'function') [surroundings, done] = [undefined, surroundings]
  if (terminal && ('env' in terminal || 'x11' in terminal || 'agentForward' in terminal)) {
    surroundings ??= terminal as ShellOptions
    terminal = undefined
  }
  const pty = terminal === false ? undefined : ptyOptions((terminal as PseudoTtyOptions | undefined) ?? true)
  return [{ ...surroundings, pty }, done as ClientCallback]
}

/** `true` is the default terminal; undefined or false none. */
function ptyOptions(wish: PseudoTtyOptions | boolean | undefined): Pty | undefined {
  if (wish === undefined || wish === null || wish === false) return undefined
  const o = wish === true ? {} : wish
  const number = (value: unknown, standard: number): number =>
    typeof value === 'number' ? value >>> 0 : standard
  return {
    term: typeof o.term === 'string' ? o.term : terminal.term,
    columns: number(o.cols, terminal.cols),
    rows: number(o.rows, terminal.rows),
    widthPixels: number(o.width, terminal.width),
    heightPixels: number(o.height, terminal.height),
    ...(o.modes === undefined || o.modes === null ? {} : { modes: o.modes }),
  }
}

export function programRequest(
  what: Program,
  options: ProgramWish,
  agentForward: NonNullable<ProcessRequest['agentForward']> = false,
): ProcessRequest {
  const x11 = x11Options(options.x11)
  return {
    ...what,
    ...(options.env === undefined || options.env === null ? {} : { env: environment(options.env) }),
    ...(options.pty === undefined ? {} : { pty: options.pty }),
    ...(x11 === undefined ? {} : { x11 }),
    agentForward,
  }
}

function environment(env: NonNullable<ShellOptions['env']>): Record<string, string> {
  const strings: Record<string, string> = {}
  // Programs in JavaScript also leave null where there is no value.
  for (const [key, value] of Object.entries(env))
    if (value !== undefined && (value as unknown) !== null) strings[key] = String(value)
  return strings
}

/** `true` is screen 0, a number that screen; the cookie is 16 random bytes unless given. */
function x11Options(wish: X11Options | number | boolean | undefined): ProcessRequest['x11'] {
  if (wish === undefined || wish === null || wish === false) return undefined
  const o: X11Options = wish === true ? {} : typeof wish === 'number' ? { screen: wish } : wish
  const cookie = Buffer.isBuffer(o.cookie) ? o.cookie.toString('hex') : o.cookie
  return {
    singleConnection: o.single === true,
    protocol: typeof o.protocol === 'string' ? o.protocol : 'MIT-MAGIC-COOKIE-1',
    cookie: typeof cookie === 'string' ? cookie : randomBytes(16).toString('hex'),
    screen: typeof o.screen === 'number' ? o.screen >>> 0 : 0,
  }
}
