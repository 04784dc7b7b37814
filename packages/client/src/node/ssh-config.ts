/** What ssh_config files say about a host, by the rules of ssh_config(5): first value wins, Host, Match and Include. */

import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { matchesPattern } from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import { matchingFiles, textOf } from './ssh-config-files.ts'
import { keywords, passedOver } from './ssh-config-keywords.ts'
import { hostMatches, type MatchFacts, matchFits } from './ssh-config-match.ts'
import { type ConfigLine, readConfigLines, SshConfigError } from './ssh-config-syntax.ts'
import { expandHome, expandTokens, expandVariables, type TokenFacts } from './ssh-config-tokens.ts'

export interface SshConfigOptions {
  /** Files in the order in which they count. Default: `~/.ssh/config`, `/etc/ssh/ssh_config`. One that does not exist says nothing. */
  readonly files?: readonly string[]
  /** Counts before what the files say, as the command line of ssh does. */
  readonly user?: string
  readonly port?: number
  /** Default: those of the process's user. */
  readonly home?: string
  readonly localUser?: string
  /**
   * Decides `Match exec`: whether the command, tokens replaced, succeeds. Files that have such a line are refused without it, since
   * reading them would start programs.
   */
  readonly exec?: (command: string) => Awaitable<boolean>
}

/** All values for one host. */
export interface ResolvedConfig {
  /** The name that was looked up. */
  readonly alias: string
  /** Where to connect. */
  readonly hostname: string
  readonly port: number
  readonly user: string
  readonly home: string
  readonly localUser: string
  /** Whether ForwardAgent asks for it; its value alone does not tell, as `ssh -G` shows a path that comes after a `no`. */
  readonly forwardsAgent: boolean
  /** By keyword in lower case, in the words of `ssh -G`; tokens are replaced where `ssh -G` replaces them. */
  readonly values: ReadonlyMap<string, readonly string[]>
  /** The value of a keyword that has one; undefined when nothing says it. */
  get(keyword: string): string | undefined
  /** The text with tokens (`%h`, `%p`, `%r`…) replaced. Throws {@link SshConfigError} for an unknown one. */
  expand(text: string): string
  /** As `expand`, and also a `~` at the start and `${NAME}`, as in the names of files. */
  expandPath(text: string): string
}

/** Nested Includes; as in OpenSSH. */
const mostNested = 16

/** Identities that ssh tries when nothing names any. */
export const defaultIdentityFiles: readonly string[] = [
  '~/.ssh/id_rsa',
  '~/.ssh/id_ecdsa',
  '~/.ssh/id_ecdsa_sk',
  '~/.ssh/id_ed25519',
  '~/.ssh/id_ed25519_sk',
]

/** Rejects with {@link SshConfigError} for a file that ssh would not read either, and for `Match exec` without `exec`. */
export async function resolveConfig(alias: string, options: SshConfigOptions = {}): Promise<ResolvedConfig> {
  const { home = homedir(), localUser = userInfo().username } = options
  const files = options.files ?? [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config']
  const evaluation = new Evaluation(alias, home, localUser, options)
  for (const file of files) await evaluation.read(file)
  if (evaluation.wantsFinal) {
    evaluation.beginFinal()
    for (const file of files) await evaluation.read(file)
  }
  return evaluation.finish()
}

class Evaluation {
  wantsFinal = false
  readonly #alias: string
  readonly #home: string
  readonly #localUser: string
  readonly #exec: SshConfigOptions['exec']
  readonly #values = new Map<string, string[]>()
  #ignored: readonly string[] = []
  #final = false
  /** What Host lines are held against. */
  #name: string

  constructor(alias: string, home: string, localUser: string, options: SshConfigOptions) {
    this.#alias = alias
    this.#name = alias
    this.#home = home
    this.#localUser = localUser
    this.#exec = options.exec
    if (options.user !== undefined) this.#values.set('user', [options.user])
    if (options.port !== undefined) this.#values.set('port', [String(options.port)])
  }

  beginFinal(): void {
    this.#name = this.#hostname().toLowerCase()
    this.#final = true
    this.#values.set('hostname', [this.#name])
  }

  async read(file: string, depth = 0, active = true): Promise<void> {
    const text = await textOf(file)
    if (text === undefined) return
    const never = !active
    let on = active
    for (const line of readConfigLines(text, file)) {
      const { keyword, args } = line
      if (keyword === 'host') on = !never && hostMatches(line, this.#name)
      else if (keyword === 'match') {
        const { fits, wantsFinal } = await matchFits(line, this.#matchFacts(), never)
        if (wantsFinal) this.wantsFinal = true
        on = fits && !never
      } else if (keyword === 'include') {
        if (depth >= mostNested) throw new SshConfigError(file, line.line, 'too many nested Includes')
        if (args.length === 0) throw new SshConfigError(file, line.line, 'Include needs files')
        for (const pattern of args)
          for (const path of await matchingFiles(this.#absolute(pattern)))
            await this.read(path, depth + 1, on)
      } else this.#set(line, on)
    }
  }

  finish(): ResolvedConfig {
    const hostname = this.#hostname().toLowerCase()
    const values = new Map<string, readonly string[]>()
    for (const [name, { fallback }] of keywords) {
      const found = this.#values.get(name) ?? fallback
      if (found !== undefined && found.length > 0) values.set(name, found)
    }
    values.set('hostname', [hostname])
    if (!values.has('user')) values.set('user', [this.#localUser])
    if (!values.has('identityfile')) values.set('identityfile', defaultIdentityFiles)
    // A chosen file is not written to unless that was chosen too.
    if (!this.#values.has('updatehostkeys') && this.#values.has('userknownhostsfile'))
      values.set('updatehostkeys', ['false'])
    // What the user is to be asked while another program runs, or without a terminal, would be lost.
    const lost = values.has('remotecommand') || values.get('requesttty')?.[0] === 'false'
    if (values.get('updatehostkeys')?.[0] === 'ask' && lost) values.set('updatehostkeys', ['false'])
    const get = (keyword: string): string | undefined => values.get(keyword.toLowerCase())?.[0]
    const facts = this.#facts(hostname)
    const expand = (text: string): string => expandTokens(text, facts)
    const expandPath = (path: string): string => expandVariables(expandHome(path, this.#home), facts)
    const replace = (name: string, by: (text: string) => string): void => {
      const value = values.get(name)?.[0]
      if (value !== undefined) values.set(name, [by(value)])
    }
    // Whether is said by the first line, and where to by the first path, though the two lines be different ones.
    const agents = values.get('forwardagent') ?? []
    const forwardsAgent = agents[0] !== undefined && agents[0] !== 'no'
    const path = agents.find((value) => value !== 'yes' && value !== 'no')
    values.set('forwardagent', [path ?? agents[0] ?? 'no'])
    replace('remotecommand', expand)
    replace('identityagent', expandPath)
    replace('userknownhostsfile', (files) => files.split(' ').map(expandPath).join(' '))
    if (get('clearallforwardings') === 'yes')
      for (const name of ['localforward', 'remoteforward', 'dynamicforward']) values.delete(name)
    return Object.freeze({
      alias: this.#alias,
      hostname,
      port: Number(get('port')),
      user: get('user') as string,
      home: this.#home,
      localUser: this.#localUser,
      forwardsAgent,
      values,
      get,
      expand,
      expandPath,
    })
  }

  #set(line: ConfigLine, on: boolean): void {
    const { keyword: written } = line
    const keyword = aliases[written] ?? written
    if (keyword === 'ignoreunknown' && on && this.#ignored.length === 0)
      this.#ignored = line.args.flatMap((list) => list.split(','))
    const known = keywords.get(keyword)
    if (known === undefined) {
      if (passedOver.has(keyword)) return
      if (this.#ignored.some((pattern) => matchesPattern(keyword, pattern.toLowerCase()))) return
      throw new SshConfigError(line.file, line.line, `unknown keyword ${JSON.stringify(written)}`)
    }
    const values = known.read(line)
    if (!on) return
    if (keyword === 'proxycommand' || keyword === 'proxyjump') {
      // Whichever comes first decides about both.
      if (this.#values.has('proxycommand') || this.#values.has('proxyjump')) return
    }
    const before = this.#values.get(keyword)
    if (!known.collects) {
      if (before === undefined) this.#values.set(keyword, [...values])
      return
    }
    const list = before ?? []
    for (const value of values) {
      if (keyword === 'sendenv' && value.startsWith('-')) {
        const kept = list.filter((name) => !matchesPattern(name, value.slice(1)))
        list.splice(0, list.length, ...kept)
      } else if (!unique.has(keyword) || !list.includes(value)) list.push(value)
    }
    this.#values.set(keyword, list)
  }

  #matchFacts(): MatchFacts {
    const exec = this.#exec
    return {
      alias: this.#alias,
      hostname: this.#hostname(),
      user: this.#values.get('user')?.[0] ?? this.#localUser,
      localUser: this.#localUser,
      final: this.#final,
      exec:
        exec === undefined
          ? undefined
          : (command) => exec(expandTokens(command, this.#facts(this.#hostname()))),
    }
  }

  #hostname(): string {
    const name = this.#values.get('hostname')?.[0]
    if (name === undefined) return this.#name
    return this.#final ? name : name.replace(/%[%h]/g, (token) => (token === '%h' ? this.#alias : '%'))
  }

  #facts(hostname: string): TokenFacts {
    const value = (keyword: string): string | undefined => this.#values.get(keyword)?.[0]
    return {
      alias: this.#alias,
      hostname,
      port: value('port') ?? '22',
      user: value('user') ?? this.#localUser,
      localUser: this.#localUser,
      home: this.#home,
      hostKeyAlias: value('hostkeyalias'),
      proxyJump: value('proxyjump'),
    }
  }

  #absolute(pattern: string): string {
    const path = expandHome(pattern, this.#home)
    return path.startsWith('/') ? path : join(this.#home, '.ssh', path)
  }
}

const aliases: Readonly<Record<string, string>> = {
  challengeresponseauthentication: 'kbdinteractiveauthentication',
  dsaauthentication: 'pubkeyauthentication',
}

/** A value that is there already is not added again. */
const unique: ReadonlySet<string> = new Set([
  'identityfile',
  'certificatefile',
  'localforward',
  'remoteforward',
  'dynamicforward',
])
