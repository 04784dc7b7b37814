/** From an alias of ssh_config to options for `connect`: where, by which way, as whom, by which keys, trusting whom. */

import { readFile } from 'node:fs/promises'
import { agentAt } from '@hawser/agent/node'
import {
  certificateSigner,
  type HostKeysChange,
  KeyError,
  matchesPattern,
  type PrivateKey,
  parseCertificate,
  parsePrivateKey,
} from '@hawser/keys'
import type { Awaitable, LoginAttempt } from '@hawser/session'
import { equal, UsageError } from '@hawser/wire'
import type { AgentAttempt } from '../auth-order.ts'
import type { Client } from '../client.ts'
import { connect } from '../connect.ts'
import type { HostKeyPolicy, HostKeyQuestion, HostKeysUpdate } from '../host-key.ts'
import type { ConnectOptions } from '../options.ts'
import type { SshfpResolver } from '../sshfp.ts'
import { knownHostsFile } from './known-hosts-file.ts'
import { proxyCommand } from './proxy-command.ts'
import { type ResolvedConfig, resolveConfig, type SshConfigOptions } from './ssh-config.ts'
import { beginForwards, forwardsOf } from './ssh-config-forwards.ts'

export interface AliasOptions extends SshConfigOptions {
  /** Asked for each encrypted identity; undefined leaves it out. Default: encrypted identities are left out. */
  readonly passphrase?: (path: string) => Awaitable<string | undefined>
  /** Asked about unknown hosts under `StrictHostKeyChecking ask`. Default: they are refused. */
  readonly askHostKey?: (question: HostKeyQuestion) => Awaitable<boolean>
  /** Asked under `UpdateHostKeys ask` before known_hosts follows a server's new keys. Default: it does not. */
  readonly askUpdateHostKeys?: (change: HostKeysChange, update: HostKeysUpdate) => Awaitable<boolean>
  /** Looks up SSHFP records where `VerifyHostKeyDNS` wants them; under `ask` they decide nothing. Default: DNS is not asked. */
  readonly sshfp?: SshfpResolver
  /** Tried after keys: passwords and dialogs, which no file holds. */
  readonly auth?: readonly LoginAttempt[]
  /** Whether {@link connectAlias} begins what LocalForward, RemoteForward and DynamicForward say. Default: true. */
  readonly forwards?: boolean
  /** Told of a forward that cannot be begun, and of connections of one that fail. With `ExitOnForwardFailure yes` the former ends the client. */
  readonly onForwardError?: (error: Error) => void
}

/** Servers to go through, those that ProxyJumps of jumps add included. */
const mostJumps = 16

/**
 * The options that ssh would use for `alias`. `StrictHostKeyChecking no` is taken as `accept-new`: changed keys are refused always.
 * Rejects with SshConfigError for files that cannot be understood, UsageError for jumps without end.
 */
export async function connectOptionsFor(alias: string, options: AliasOptions = {}): Promise<ConnectOptions> {
  return (await hopsTo(alias, options, 0)).at(-1) as ConnectOptions
}

/** Connects to `alias` as the ssh_config files say, and begins the forwards that they ask for. */
export async function connectAlias(alias: string, options: AliasOptions = {}): Promise<Client> {
  const forwards = options.forwards === false ? undefined : forwardsOf(await resolveConfig(alias, options))
  const client = await connect(await connectOptionsFor(alias, options))
  if (forwards !== undefined) await beginForwards(client, forwards, options.onForwardError)
  return client
}

/** All hops, the target last and with the others as its jumps. */
async function hopsTo(
  alias: string,
  options: AliasOptions,
  depth: number,
): Promise<readonly ConnectOptions[]> {
  if (depth > mostJumps) throw new UsageError(`the jumps to ${alias} do not end: check ProxyJump`)
  const config = await resolveConfig(alias, options)
  const jump = config.get('proxyjump')
  const command = config.get('proxycommand')
  const hops: ConnectOptions[] = []
  if (jump !== undefined && jump !== 'none') {
    for (const [at, spec] of jump.split(',').entries()) {
      const [, user, host = spec, port] =
        /^(?:ssh:\/\/)?(?:(.*)@)?(\[[^\]]*\]|[^:]*)(?::(\d+))?\/?$/.exec(spec) ?? []
      const { user: _user, port: _port, ...rest } = options
      const hop = await hopsTo(
        host.replace(/^\[(.*)\]$/, '$1'),
        {
          ...rest,
          ...(user === undefined ? {} : { user }),
          ...(port === undefined ? {} : { port: Number(port) }),
        },
        depth + 1,
      )
      // Only the first is reached from here: the way of the others is the list itself.
      hops.push(...(at === 0 ? hop : hop.slice(-1)).map((one) => ({ ...one, jump: [] })))
    }
  }
  if (hops.length > mostJumps) throw new UsageError(`more than ${mostJumps} jumps to ${alias}`)
  const target = await optionsOf(config, options)
  const dial =
    command === undefined || command === 'none' ? {} : { dial: proxyCommand(config.expand(command)) }
  return [...hops, { ...target, ...dial, ...(hops.length === 0 ? {} : { jump: hops }) }]
}

async function optionsOf(config: ResolvedConfig, options: AliasOptions): Promise<ConnectOptions> {
  const seconds = (keyword: string): number => Number(config.get(keyword) ?? 0)
  const timeout = config.get('connecttimeout')
  const interval = seconds('serveraliveinterval')
  const alias = config.get('hostkeyalias')
  const family = { inet: 4, inet6: 6 }[config.get('addressfamily') ?? '']
  const address = config.get('bindaddress')
  return {
    host: config.hostname,
    port: config.port,
    user: config.user,
    auth: [...(await keyAttempts(config, options)), ...(options.auth ?? [])],
    hostKey: await trustOf(config, options),
    env: environmentOf(config),
    ...forwardedAgent(config),
    keepalive:
      interval === 0 ? false : { intervalMs: interval * 1000, maxMissed: seconds('serveralivecountmax') },
    ...(timeout === undefined || timeout === 'none' ? {} : { readyTimeoutMs: Number(timeout) * 1000 }),
    ...(alias === undefined ? {} : { hostKeyAlias: alias }),
    ...(address === undefined ? {} : { localAddress: address }),
    ...(family === undefined ? {} : { family: family as 4 | 6 }),
    ...(config.get('compression') === 'yes'
      ? { algorithms: { compression: ['zlib@openssh.com', 'none'] } }
      : {}),
  }
}

/** ForwardAgent: the agent of the identities, that of a variable, or one at a path. Without any there is nothing to forward. */
function forwardedAgent(config: ResolvedConfig): Pick<ConnectOptions, 'agent' | 'agentForward'> {
  if (!config.forwardsAgent) return {}
  const said = config.get('forwardagent') ?? 'no'
  const where = said === 'yes' || said === 'no' ? agentPath(undefined) : agentPath(config.expandPath(said))
  return where === undefined ? {} : { agent: agentAt(where), agentForward: true }
}

/** Where an agent is: at a path, or where a variable (`$NAME`, `SSH_AUTH_SOCK`) says. */
function agentPath(said: string | undefined): string | undefined {
  const path =
    said === undefined || said === 'SSH_AUTH_SOCK'
      ? process.env['SSH_AUTH_SOCK']
      : said.startsWith('$')
        ? process.env[said.slice(1)]
        : said
  return path === '' ? undefined : path
}

function environmentOf(config: ResolvedConfig): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {}
  const sent = config.values.get('sendenv') ?? []
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && sent.some((pattern) => matchesPattern(name, pattern))) variables[name] = value
  for (const pair of config.values.get('setenv') ?? []) {
    const at = pair.indexOf('=')
    variables[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return variables
}

async function trustOf(config: ResolvedConfig, options: AliasOptions): Promise<HostKeyPolicy> {
  const { askHostKey, askUpdateHostKeys, sshfp } = options
  const files = (keyword: string): string[] =>
    (config.get(keyword) ?? '')
      .split(' ')
      .filter((file) => file !== '' && file !== 'none')
      .map((file) => config.expandPath(file))
  const [path = '/dev/null', ...also] = files('userknownhostsfile')
  const strict = config.get('stricthostkeychecking')
  const [dns, update] = [config.get('verifyhostkeydns'), config.get('updatehostkeys')]
  const acceptNew = strict === 'true' ? undefined : strict === 'ask' ? askHostKey : (true as const)
  return knownHostsFile({
    path,
    also: [...also, ...files('globalknownhostsfile')],
    hashed: config.get('hashknownhosts') === 'yes',
    ...(acceptNew === undefined ? {} : { acceptNew }),
    updateHostKeys: update === 'true' || (update === 'ask' && (askUpdateHostKeys ?? false)),
    ...(sshfp === undefined || dns === undefined || dns === 'false'
      ? {}
      : { sshfp: dns === 'true' ? sshfp : informing(sshfp) }),
  })
}

/** What `resolver` finds, for who is asked and no more. */
function informing(resolver: SshfpResolver): SshfpResolver {
  return async (host) => ({ ...(await resolver(host)), authenticated: false })
}

async function keyAttempts(
  config: ResolvedConfig,
  { passphrase }: AliasOptions,
): Promise<(LoginAttempt | AgentAttempt)[]> {
  if (config.get('pubkeyauthentication') === 'false') return []
  const certificates = (
    await Promise.all(
      (config.values.get('certificatefile') ?? []).map((file) => read(config.expandPath(file))),
    )
  ).filter((text) => text !== undefined)
  const attempts: (LoginAttempt | AgentAttempt)[] = []
  for (const file of config.values.get('identityfile') ?? []) {
    const path = config.expandPath(file)
    const text = file === 'none' ? undefined : await read(path)
    if (text === undefined) continue
    const signer = await privateKey(text, path, passphrase)
    if (signer === undefined) continue
    const beside = await read(`${path}-cert.pub`)
    for (const held of beside === undefined ? certificates : [...certificates, beside]) {
      const certificate = parseCertificate(held)
      if (equal(certificate.key.blob, signer.publicKey.blob))
        attempts.push({ method: 'publickey', signer: certificateSigner(signer, certificate) })
    }
    attempts.push({ method: 'publickey', signer })
  }
  const agent = config.get('identityagent')
  if (config.get('identitiesonly') === 'yes' || agent === 'none') return attempts
  const where = agentPath(agent)
  if (where !== undefined) attempts.push({ method: 'agent', agent: agentAt(where) })
  return attempts
}

async function privateKey(
  text: string,
  path: string,
  passphrase: AliasOptions['passphrase'],
): Promise<PrivateKey | undefined> {
  try {
    return parsePrivateKey(text)
  } catch (error) {
    if (!(error instanceof KeyError) || error.code !== 'SSH_KEY_PASSPHRASE_NEEDED') throw error
    const given = await passphrase?.(path)
    return given === undefined ? undefined : parsePrivateKey(text, { passphrase: given })
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}
