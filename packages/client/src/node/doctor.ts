/** Connects as told, logs in, leaves again, and writes down how that went: a report to be pasted where help is asked for. */

import { fingerprint } from '@hawser/keys'
import { traceLine } from '@hawser/session'
import type { TraceEvent } from '@hawser/wire'
import { connect } from '../connect.ts'
import { type ConnectOptions, checkConnectOptions } from '../options.ts'

/** What {@link doctor} found. `text` is all of it, for people; none of it holds the user's name, the host's, or a secret. */
export interface DoctorReport {
  readonly ok: boolean
  /** Milliseconds that each phase took, in their order; the last is the one that failed, if one did. */
  readonly phases: readonly { readonly phase: string; readonly ms: number }[]
  /** Identification lines. */
  readonly idents: { readonly ours?: string; readonly theirs?: string }
  /** The name-lists of the first key exchange. */
  readonly proposals: { readonly ours?: NameLists; readonly theirs?: NameLists }
  /** What was agreed on, by category. */
  readonly negotiated?: Readonly<Record<string, string>>
  /** Type and SHA-256 fingerprint of the host key that was accepted. */
  readonly hostKey?: string
  /** Login attempts and how they ended. */
  readonly logins: readonly string[]
  /** Limits that were hit, by name. */
  readonly limits: readonly string[]
  readonly error?: {
    readonly name: string
    readonly code?: string
    readonly phase?: string
    readonly message: string
  }
  /** What to look at first. */
  readonly hints: readonly string[]
  readonly text: string
}

type NameLists = Readonly<Record<string, readonly string[]>>

/** Lines of the trace that a report keeps: the last ones, where it broke. */
const mostTrace = 60

/**
 * Tries `options` once, as `connect` would, and reports. Rejects with UsageError for options that cannot be used, otherwise never:
 * that it did not work is what the report says.
 */
export async function doctor(options: ConnectOptions): Promise<DoctorReport> {
  checkConnectOptions(options)
  const events: TraceEvent[] = []
  const phases: { phase: string; ms: number }[] = []
  let since = performance.now()
  let phase = 'connect'
  const enter = (next: string): void => {
    const now = performance.now()
    phases.push({ phase, ms: Math.round(now - since) })
    phase = next
    since = now
  }
  let error: Error | undefined
  let hostKey: string | undefined
  try {
    const client = await connect({
      ...options,
      trace(event) {
        events.push(event)
        if (event.type === 'phase') enter(event.phase)
        options.trace?.(event)
      },
      hooks: {
        ...options.hooks,
        connected(pipe) {
          enter('identification')
          options.hooks?.connected?.(pipe)
        },
      },
    })
    if (client.hostKey !== undefined) hostKey = `${client.hostKey.type} ${fingerprint(client.hostKey)}`
    await client.close()
    enter('closed')
  } catch (caught) {
    error = caught instanceof Error ? caught : new Error(String(caught))
    enter('closed')
  }
  return report({ options, events, phases, error, hostKey })
}

interface Findings {
  readonly options: ConnectOptions
  readonly events: readonly TraceEvent[]
  readonly phases: readonly { readonly phase: string; readonly ms: number }[]
  readonly error: Error | undefined
  readonly hostKey: string | undefined
}

function report({ options, events, phases, error, hostKey }: Findings): DoctorReport {
  const hide = redactor(options)
  const ident = (direction: 'in' | 'out'): string | undefined =>
    events.flatMap((event) =>
      event.type === 'ident' && event.direction === direction ? [event.ident] : [],
    )[0]
  const proposal = (direction: 'in' | 'out'): NameLists | undefined =>
    events.flatMap((event) =>
      event.type === 'proposal' && event.direction === direction ? [event.lists] : [],
    )[0]
  const negotiated = events.flatMap((event) => (event.type === 'negotiated' ? [event.algorithms] : []))[0]
  const logins = events.flatMap((event) =>
    event.type === 'attempt' || event.type === 'outcome'
      ? [hide(`${event.type} ${event.method}: ${event.detail}`)]
      : [],
  )
  const limits = events.flatMap((event) => (event.type === 'limit' ? [event.limit] : []))
  const [ours, theirs, offered, asked] = [ident('out'), ident('in'), proposal('out'), proposal('in')]
  const facts = {
    ok: error === undefined,
    phases,
    idents: { ...given('ours', ours), ...given('theirs', theirs) },
    proposals: { ...given('ours', offered), ...given('theirs', asked) },
    ...given('negotiated', negotiated),
    ...given('hostKey', hostKey),
    logins,
    limits,
    ...given('error', error === undefined ? undefined : shownError(error, hide)),
    hints: hintsOf(error, negotiated),
  }
  const trace = events.slice(-mostTrace).map((event) => hide(traceLine(event)))
  return { ...facts, text: textOf(facts, trace) }
}

function shownError(error: Error, hide: (text: string) => string): NonNullable<DoctorReport['error']> {
  const { code, phase } = error as { readonly code?: unknown; readonly phase?: unknown }
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof phase === 'string' ? { phase } : {}),
    message: hide(error.message),
  }
}

function textOf(facts: Omit<DoctorReport, 'text'>, trace: readonly string[]): string {
  const { error, idents, proposals, negotiated } = facts
  const lists = (title: string, of: NameLists | undefined): string[] =>
    of === undefined
      ? []
      : [
          title,
          ...Object.entries(of).flatMap(([name, all]) =>
            all.length === 0 ? [] : [`  ${name}: ${all.join(', ')}`],
          ),
        ]
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]
  return [
    `hawser doctor: ${facts.ok ? 'connected and logged in' : `failed with ${error?.code ?? error?.name}`}`,
    ...(error === undefined ? [] : [`error: ${error.message}`]),
    ...section('hints', facts.hints),
    `runtime: ${process.platform} ${process.arch}, ${Object.entries(process.versions)
      .filter(([name]) => name === 'node' || name === 'bun' || name === 'deno' || name === 'openssl')
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `phases: ${facts.phases.map(({ phase, ms }) => `${phase} ${ms} ms`).join(', ')}`,
    `we are ${idents.ours ?? 'not told'}, the server is ${idents.theirs ?? 'not told'}`,
    ...lists('we offer', proposals.ours),
    ...lists('the server offers', proposals.theirs),
    ...(negotiated === undefined
      ? []
      : section(
          'agreed',
          Object.entries(negotiated).map(([category, name]) => `${category}: ${name || 'none'}`),
        )),
    ...(facts.hostKey === undefined ? [] : [`host key: ${facts.hostKey}`]),
    ...section('logins', facts.logins),
    ...section('limits hit', facts.limits),
    ...section('the last that happened', trace),
    '',
  ].join('\n')
}

/** What to look at first, by the error's code. */
const advice: Readonly<Record<string, string>> = {
  SSH_CONNECT_FAILED: 'check host and port, that the server runs, and firewalls in between',
  SSH_TIMEOUT:
    'the server was silent for too long: check that this is an SSH port, or give a longer readyTimeoutMs',
  SSH_IDENTIFICATION: 'something else than an SSH server answers there',
  SSH_NEGOTIATION_FAILED:
    'compare the two proposals: what the server has must be named in the option algorithms',
  SSH_HOST_KEY_REJECTED: 'compare the fingerprint with one that you know from elsewhere before you trust it',
  SSH_AUTHENTICATION_FAILED: 'compare the methods that the server takes with the option auth',
  SSH_CONNECTION_LOST:
    'the server closed the connection: its log says why; many close at once for addresses that failed too often',
}

function hintsOf(
  error: Error | undefined,
  negotiated: Readonly<Record<string, string>> | undefined,
): string[] {
  const told = (error as { readonly code?: unknown } | undefined)?.code
  const code = typeof told === 'string' ? told : ''
  const hints: string[] = []
  if (advice[code] !== undefined) hints.push(advice[code])
  if (code.startsWith('SSH_LIMIT_'))
    hints.push('the server passed a limit of this client: it is broken, or hostile')
  if (negotiated?.['strict'] === 'false')
    hints.push('the server has no strict key exchange (CVE-2023-48795): it should be updated')
  return hints
}

/** Takes names and secrets out of a text. Short ones stay: they would be found in every other word. */
function redactor(options: ConnectOptions): (text: string) => string {
  const words: [string, string][] = []
  const note = (value: unknown, shown: string): void => {
    if (typeof value === 'string' && value.length > 2) words.push([value, shown])
  }
  for (const each of [options, ...(options.jump ?? [])]) {
    if (Array.isArray(each.auth))
      for (const attempt of each.auth) {
        note((attempt as { readonly password?: unknown }).password, '(password)')
        note((attempt as { readonly login?: unknown }).login, '(user)')
      }
    note(each.proxy, '(proxy)')
    note(each.hostKeyAlias, '(host)')
    note(each.host, '(host)')
    note(each.user, '(user)')
  }
  words.sort(([a], [b]) => b.length - a.length)
  return (text) => words.reduce((done, [value, shown]) => done.replaceAll(value, shown), text)
}

function given<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [P in K]: V })
}
