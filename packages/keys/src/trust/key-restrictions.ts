/** What the options of a line in authorized_keys mean (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"), each with its type. */

import { parseTime, type TimeZoneOptions } from '../certificates/time.ts'
import { KeyError } from '../errors.ts'
import { fitsAddressList } from './addresses.ts'
import type { LineOption } from './option-list.ts'

/** A place for forwarded connections. */
export interface PermittedAddress {
  /** A name or address as it is written; `*` for any, for what to listen on. */
  readonly host: string
  readonly port: number | '*'
}

/** Whoever admits the key must honour all of it. */
export interface KeyRestrictions {
  /** The key does not log in itself: it signs certificates that do. */
  readonly certAuthority: boolean
  /** For authorities: names of which a certificate must have one, in place of the user's own. */
  readonly principals?: readonly string[]
  /** Addresses, names, CIDR and patterns from where the key may be used. */
  readonly from?: string
  /** Seconds since 1970: the key counts until then. */
  readonly expires?: bigint
  /** Run this, whatever the user asks for. */
  readonly command?: string
  /** Variables for the user's programs; of several with one name the first counts. */
  readonly environment: ReadonlyMap<string, string>
  /** Where connections may be forwarded to; undefined is anywhere. */
  readonly permitOpen?: readonly PermittedAddress[]
  /** Where may be listened; undefined is anywhere. */
  readonly permitListen?: readonly PermittedAddress[]
  /** Which tunnel device is to be used. */
  readonly tunnel?: number | 'any'
  readonly agentForwarding: boolean
  readonly portForwarding: boolean
  readonly pty: boolean
  readonly userRc: boolean
  readonly x11Forwarding: boolean
  /** Security keys need not be touched. */
  readonly noTouchRequired: boolean
  /** Security keys must have verified their user, by PIN or finger. */
  readonly verifyRequired: boolean
}

type Draft = { -readonly [K in keyof KeyRestrictions]: KeyRestrictions[K] } & {
  environment: Map<string, string>
}

/** As many as OpenSSH allows. */
const mostVariables = 1024
const mostPermits = 4096

type Switch = 'agentForwarding' | 'portForwarding' | 'pty' | 'userRc' | 'x11Forwarding'

/** Options that `no-` turns off, and `restrict` all of. */
const switches: ReadonlyMap<string, Switch> = new Map([
  ['agent-forwarding', 'agentForwarding'],
  ['port-forwarding', 'portForwarding'],
  ['pty', 'pty'],
  ['user-rc', 'userRc'],
  ['x11-forwarding', 'x11Forwarding'],
])

const flags: ReadonlyMap<string, 'certAuthority' | 'noTouchRequired' | 'verifyRequired'> = new Map([
  ['cert-authority', 'certAuthority'],
  ['no-touch-required', 'noTouchRequired'],
  ['verify-required', 'verifyRequired'],
])

/**
 * The options of one line by their meaning, in the order of the line as sshd takes them: `restrict,pty` leaves the terminal.
 * Throws {@link KeyError} for an option that is unknown or malformed: such a line admits nobody.
 */
export function keyRestrictions(options: readonly LineOption[], zone: TimeZoneOptions = {}): KeyRestrictions {
  const draft: Draft = {
    certAuthority: false,
    environment: new Map(),
    agentForwarding: true,
    portForwarding: true,
    pty: true,
    userRc: true,
    x11Forwarding: true,
    noTouchRequired: false,
    verifyRequired: false,
  }
  for (const { name, value } of options) {
    if (value === undefined) applyFlag(draft, name)
    else applyValue(draft, name, value, zone)
  }
  if (draft.principals !== undefined && !draft.certAuthority)
    throw malformed('principals stands where cert-authority does not')
  return Object.freeze(draft)
}

function applyFlag(draft: Draft, name: string): void {
  const flag = flags.get(name)
  const permission = switches.get(name)
  const denied = name.startsWith('no-') ? switches.get(name.slice(3)) : undefined
  if (flag !== undefined) draft[flag] = true
  else if (permission !== undefined) draft[permission] = true
  else if (denied !== undefined) draft[denied] = false
  else if (name === 'restrict') for (const each of switches.values()) draft[each] = false
  else throw unknown(name, 'without a value')
}

function applyValue(draft: Draft, name: string, value: string, zone: TimeZoneOptions): void {
  switch (name) {
    case 'command':
      once(name, draft.command)
      draft.command = value
      return
    case 'principals':
      once(name, draft.principals)
      draft.principals = value.split(',').filter((principal) => principal !== '')
      return
    case 'from':
      once(name, draft.from)
      if (fitsAddressList(value, '') === undefined)
        throw malformed(`from has a malformed address: ${shown(value)}`)
      draft.from = value
      return
    case 'environment':
      return applyVariable(draft, value)
    case 'expiry-time': {
      const time = parseTime(value, zone)
      if (time === undefined)
        throw malformed(
          `expiry-time is ${shown(value)}, not YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC`,
        )
      if (draft.expires === undefined || time < draft.expires) draft.expires = time
      return
    }
    case 'permitopen':
      draft.permitOpen = permit(draft.permitOpen, name, value)
      return
    case 'permitlisten':
      draft.permitListen = permit(draft.permitListen, name, value.includes(':') ? value : `*:${value}`)
      return
    case 'tunnel':
      once(name, draft.tunnel)
      if (!/^(?:any|\d{1,9})$/i.test(value)) throw malformed(`tunnel is ${shown(value)}, not a number or any`)
      draft.tunnel = /^any$/i.test(value) ? 'any' : Number(value)
      return
    default:
      throw unknown(name, 'with a value')
  }
}

function applyVariable(draft: Draft, value: string): void {
  const [, name, content] = /^([A-Za-z0-9_]{1,256})=(.*)$/s.exec(value) ?? []
  if (name === undefined || content === undefined)
    throw malformed(`environment is ${shown(value)}, not NAME=value`)
  if (draft.environment.size === mostVariables) throw malformed(`more than ${mostVariables} variables`)
  if (!draft.environment.has(name)) draft.environment.set(name, content)
}

/** host:port, [address]:port, with `*` for any port. */
function permit(
  before: readonly PermittedAddress[] = [],
  name: string,
  value: string,
): readonly PermittedAddress[] {
  const [, bracketed, plain, port = ''] =
    /^(?:\[([^[\]\s]{1,255})\]|([^[\]:\s]{1,255})):(\*|\d{1,5})$/.exec(value) ?? []
  const host = bracketed ?? plain
  const isPort = port === '*' || (Number(port) > 0 && Number(port) < 65_536)
  if (host === undefined || !isPort) throw malformed(`${name} is ${shown(value)}, not host:port`)
  if (before.length === mostPermits) throw malformed(`more than ${mostPermits} of ${name}`)
  return [...before, { host, port: port === '*' ? port : Number(port) }]
}

function once(name: string, before: unknown): void {
  if (before !== undefined) throw malformed(`${name} is there twice`)
}

function unknown(name: string, how: string): KeyError {
  return new KeyError(
    'SSH_KEY_UNSUPPORTED',
    `the option ${shown(name)} ${how} is not known, so that it cannot be honoured`,
  )
}

function malformed(what: string): KeyError {
  return new KeyError('SSH_KEY_FORMAT', `the option ${what}`)
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
