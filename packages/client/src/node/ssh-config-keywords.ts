/** What each keyword of ssh_config takes, and its value in the words of `ssh -G`. */

import { type ConfigLine, SshConfigError } from './ssh-config-syntax.ts'

/** How values add up: the first line decides, every line adds one, or each of its words does. */
export interface Keyword {
  readonly collects: boolean
  /** The values of a line; empty when it adds nothing. */
  read(line: ConfigLine): readonly string[]
  /** Without any line; undefined says nothing. */
  readonly fallback?: readonly string[]
}

function one(line: ConfigLine): string {
  const [value] = line.args
  if (value === undefined || value === '') throw wrong(line, 'a value is missing')
  if (line.args.length > 1) throw wrong(line, `extra arguments after ${JSON.stringify(value)}`)
  return value
}

function wrong({ file, line, keyword }: ConfigLine, message: string): SshConfigError {
  return new SshConfigError(file, line, `${keyword}: ${message}`)
}

function kind(
  convert: (value: string, line: ConfigLine) => string,
  fallback?: string,
  collects = false,
): Keyword {
  return {
    collects,
    read: (line) => [convert(one(line), line)],
    ...(fallback === undefined ? {} : { fallback: [fallback] }),
  }
}

const text = (fallback?: string): Keyword => kind((value) => value, fallback)
const texts = (): Keyword => kind((value) => value, undefined, true)

/** One of `words`, by the name that `ssh -G` has for it. */
function choice(words: Readonly<Record<string, string>>, fallback?: string): Keyword {
  return kind((value, line) => {
    const name = Object.hasOwn(words, value.toLowerCase()) ? words[value.toLowerCase()] : undefined
    if (name === undefined)
      throw wrong(line, `${JSON.stringify(value)} is not one of ${Object.keys(words).join(', ')}`)
    return name
  }, fallback)
}

const flag = (fallback: 'yes' | 'no'): Keyword =>
  choice({ yes: 'yes', true: 'yes', no: 'no', false: 'no' }, fallback)

const truth = { yes: 'true', true: 'true', no: 'false', false: 'false' } as const

function whole(fallback: string | undefined, least: number, most: number): Keyword {
  return kind((value, line) => {
    if (!/^\d{1,10}$/.test(value) || Number(value) < least || Number(value) > most)
      throw wrong(line, `${JSON.stringify(value)} is not a whole number from ${least} to ${most}`)
    return String(Number(value))
  }, fallback)
}

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

function time(fallback: string): Keyword {
  return kind((value, line) => {
    if (value === 'none') return value
    if (!/^(?:\d{1,9}[smhdw]?)+$/i.test(value)) throw wrong(line, `${JSON.stringify(value)} is not a time`)
    let seconds = 0
    for (const [, digits, unit = ''] of value.toLowerCase().matchAll(/(\d+)([smhdw]?)/g))
      seconds += Number(digits) * (units[unit] as number)
    return String(seconds)
  }, fallback)
}

/** What follows is a command, quotes, comments and all. */
const command: Keyword = {
  collects: false,
  read: (line) => {
    if (line.rest === '') throw wrong(line, 'a command is missing')
    return [line.rest]
  },
}

const words = (fallback?: string): Keyword => ({
  collects: false,
  read: (line) => {
    if (line.args.length === 0) throw wrong(line, 'a value is missing')
    return [line.args.join(' ')]
  },
  ...(fallback === undefined ? {} : { fallback: [fallback] }),
})

/** Every word of every line. */
const allWords: Keyword = { collects: true, read: ({ args }) => args }

/** Variables as `NAME=value`; the first line alone counts, as in ssh. */
const variables: Keyword = {
  collects: false,
  read: (line) => {
    for (const pair of line.args)
      if (!/^[^=]+=/.test(pair)) throw wrong(line, `${JSON.stringify(pair)} is not NAME=value`)
    return line.args
  },
}

/** `least` and `most` are how many of address and target it takes; a remote one without target is a proxy at the server. */
const forward = (least: 1 | 2, most: 1 | 2): Keyword => ({
  collects: true,
  read: (line) => {
    const { args } = line
    const [from = '', to] = args
    if (args.length < least || args.length > most)
      throw wrong(line, most === 1 ? 'needs [address:]port' : 'needs [address:]port and host:port')
    const target = to === undefined ? socksTarget : targetForm(to, line)
    return [`${listenForm(from, line)}${most === 1 ? '' : ` ${target}`}`]
  },
})

/** What `ssh -G` says of a remote forward without target. */
export const socksTarget = '[socks]:0'

function listenForm(value: string, line: ConfigLine): string {
  if (value.startsWith('/')) return value
  const [, address, port] = /^(?:(.*)[:/])?(\d+)$/.exec(value) ?? []
  if (port === undefined) throw wrong(line, `${JSON.stringify(value)} is not [address:]port`)
  if (address === undefined) return port
  const bare = address.replace(/^\[(.*)\]$/, '$1')
  return `${bare === '' ? '*' : bare.includes(':') || bare !== '' ? `[${bare}]` : bare}:${port}`
}

function targetForm(value: string, line: ConfigLine): string {
  if (value.startsWith('/')) return value
  const [, host, port] = /^(.+)[:/](\d+)$/.exec(value) ?? []
  if (host === undefined) throw wrong(line, `${JSON.stringify(value)} is not host:port`)
  return `[${host.replace(/^\[(.*)\]$/, '$1')}]:${port}`
}

/** All that `connect` goes by, in the order of nothing in particular. Other keywords of ssh are read over. */
export const keywords: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ['addressfamily', choice({ any: 'any', inet: 'inet', inet6: 'inet6' }, 'any')],
  ['bindaddress', text()],
  ['certificatefile', texts()],
  ['clearallforwardings', flag('no')],
  ['compression', flag('no')],
  ['connectionattempts', whole('1', 1, 2 ** 31 - 1)],
  ['connecttimeout', time('none')],
  ['dynamicforward', forward(1, 1)],
  ['exitonforwardfailure', flag('no')],
  ['forwardagent', kind((value) => ({ true: 'yes', false: 'no' })[value] ?? value, 'no', true)],
  ['gatewayports', flag('no')],
  ['globalknownhostsfile', words('/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2')],
  ['hashknownhosts', flag('no')],
  ['hostkeyalias', kind((value) => value.toLowerCase())],
  ['hostname', text()],
  ['identitiesonly', flag('no')],
  ['identityagent', text()],
  ['identityfile', texts()],
  ['kbdinteractiveauthentication', flag('yes')],
  ['localcommand', command],
  ['localforward', forward(2, 2)],
  ['numberofpasswordprompts', whole('3', 1, 2 ** 31 - 1)],
  ['passwordauthentication', flag('yes')],
  ['port', whole('22', 1, 65_535)],
  ['proxycommand', command],
  ['proxyjump', text()],
  ['pubkeyauthentication', choice({ ...truth, unbound: 'unbound', 'host-bound': 'host-bound' }, 'true')],
  ['remotecommand', command],
  ['remoteforward', forward(1, 2)],
  ['requesttty', choice({ ...truth, auto: 'auto', force: 'force' }, 'auto')],
  ['sendenv', allWords],
  ['serveralivecountmax', whole('3', 0, 2 ** 31 - 1)],
  ['serveraliveinterval', time('0')],
  ['setenv', variables],
  [
    'stricthostkeychecking',
    choice({ ...truth, off: 'false', ask: 'ask', 'accept-new': 'accept-new' }, 'ask'),
  ],
  ['tcpkeepalive', flag('yes')],
  ['updatehostkeys', choice({ ...truth, ask: 'ask' }, 'true')],
  ['verifyhostkeydns', choice({ ...truth, ask: 'ask' }, 'false')],
  ['user', text()],
  ['userknownhostsfile', words('~/.ssh/known_hosts ~/.ssh/known_hosts2')],
])

/** Keywords that ssh knows and that change nothing about what `connect` does. */
export const passedOver: ReadonlySet<string> = new Set(
  `addkeystoagent batchmode bindinterface canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots
  canonicalizepermittedcnames casignaturealgorithms challengeresponseauthentication checkhostip ciphers
  controlmaster controlpath controlpersist enableescapecommandline enablesshkeysign escapechar fingerprinthash
  forkafterauthentication forwardx11 forwardx11timeout forwardx11trusted gssapiauthentication gssapidelegatecredentials
  hostbasedacceptedalgorithms hostbasedauthentication hostkeyalgorithms ignoreunknown ipqos kbdinteractivedevices kexalgorithms
  loglevel logverbose macs nohostauthenticationforlocalhost permitlocalcommand permitremoteopen pkcs11provider
  preferredauthentications proxyusefdpass pubkeyacceptedalgorithms pubkeyacceptedkeytypes rekeylimit requiredrsasize revokedhostkeys
  securitykeyprovider sessiontype stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tunnel tunneldevice
  usekeychain visualhostkey xauthlocation`.split(/\s+/),
)
