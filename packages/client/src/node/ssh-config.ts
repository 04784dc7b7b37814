/** What ssh_config files say about a host, by the rules of ssh_config(5): first value wins, Host, Match and Include. */

import { readdir, readFile } from 'node:fs/promises'
import { homedir, hostname as localHostname, userInfo } from 'node:os'
import { join } from 'node:path'
import { matchesPattern } from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import { keywords, passedOver } from './ssh-config-keywords.ts'
import { type ConfigLine, readConfigLines, SshConfigError } from './ssh-config-syntax.ts'

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
  /** By keyword in lower case, in the words of `ssh -G`; tokens are replaced where `ssh -G` replaces them. */
  readonly values: ReadonlyMap<string, readonly string[]>
  /** The value of a keyword that has one; undefined when nothing says it. */
  get(keyword: string): string | undefined
  /** The text with tokens (`%h`, `%p`, `%r`…) and a `~` at its start replaced. Throws {@link SshConfigError} for an unknown token. */
  expand(text: string): string
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
      if (keyword === 'host') on = !never && this.#isHost(line)
      else if (keyword === 'match') {
        const matches = await this.#matches(line, never)
        on = matches && !never
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
    // What the user is to be asked while another program runs would be lost.
    if (values.get('updatehostkeys')?.[0] === 'ask' && values.has('remotecommand'))
      values.set('updatehostkeys', ['false'])
    const get = (keyword: string): string | undefined => values.get(keyword.toLowerCase())?.[0]
    const expand = (text: string): string => this.#expand(this.#homely(text), hostname)
    for (const name of ['remotecommand', 'identityagent']) {
      const value = values.get(name)?.[0]
      if (value !== undefined) values.set(name, [expand(value)])
    }
    const files = values.get('userknownhostsfile')?.[0]
    if (files !== undefined)
      values.set('userknownhostsfile', [
        files
          .split(' ')
          .map((file) => this.#homely(file))
          .join(' '),
      ])
    return Object.freeze({
      alias: this.#alias,
      hostname,
      port: Number(get('port')),
      user: get('user') as string,
      home: this.#home,
      localUser: this.#localUser,
      values,
      get,
      expand,
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

  #isHost({ args, file, line }: ConfigLine): boolean {
    if (args.length === 0) throw new SshConfigError(file, line, 'Host needs a pattern')
    let fits = false
    for (const pattern of args) {
      if (pattern.startsWith('!')) {
        if (matchesPattern(this.#name, pattern.slice(1))) return false
      } else if (matchesPattern(this.#name, pattern)) fits = true
    }
    return fits
  }

  async #matches({ args, file, line }: ConfigLine, never: boolean): Promise<boolean> {
    const bad = (message: string): SshConfigError => new SshConfigError(file, line, `Match: ${message}`)
    if (args.length === 0) throw bad('needs a criterion')
    let all = true
    for (let at = 0; at < args.length; at++) {
      const word = args[at] as string
      const negated = word.startsWith('!')
      const [, criterion = '', attached] = /^!?([^=]*)(?:=(.*))?$/.exec(word) ?? []
      const name = criterion.toLowerCase()
      let fits: boolean
      if (name === 'all') {
        if (
          negated ||
          at !== args.length - 1 ||
          (at > 0 && !/^!?(?:final|canonical)$/i.test(args[at - 1] ?? ''))
        )
          throw bad('all stands alone, or after final')
        continue
      }
      if (name === 'final' || name === 'canonical') {
        if (name === 'final') this.wantsFinal = true
        fits = this.#final
      } else {
        const value = attached ?? args[++at]
        if (value === undefined || value === '') throw bad(`${name} needs a value`)
        fits = await this.#criterion(name, value, all && !never, bad)
      }
      if (fits === negated) all = false
    }
    return all
  }

  async #criterion(
    name: string,
    value: string,
    counts: boolean,
    bad: (message: string) => SshConfigError,
  ): Promise<boolean> {
    const user = this.#values.get('user')?.[0] ?? this.#localUser
    switch (name) {
      case 'host':
        return inList(this.#hostname().toLowerCase(), value.toLowerCase())
      case 'originalhost':
        return inList(this.#alias.toLowerCase(), value.toLowerCase())
      case 'user':
        return inList(user, value)
      case 'localuser':
        return inList(this.#localUser, value)
      case 'exec':
        if (!counts) return false
        if (this.#exec === undefined)
          throw bad('exec would start a program: give the option exec if the file is to be trusted with that')
        return (await this.#exec(this.#expand(value, this.#hostname()))) === true
      default:
        throw bad(`unknown criterion ${JSON.stringify(name)}`)
    }
  }

  #hostname(): string {
    const name = this.#values.get('hostname')?.[0]
    if (name === undefined) return this.#name
    return this.#final ? name : name.replace(/%[%h]/g, (token) => (token === '%h' ? this.#alias : '%'))
  }

  #expand(text: string, hostname: string): string {
    const tokens: Readonly<Record<string, () => string>> = {
      '%': () => '%',
      h: () => hostname,
      n: () => this.#alias,
      p: () => this.#values.get('port')?.[0] ?? '22',
      r: () => this.#values.get('user')?.[0] ?? this.#localUser,
      u: () => this.#localUser,
      d: () => this.#home,
      i: () => String(userInfo().uid),
      k: () => this.#values.get('hostkeyalias')?.[0] ?? this.#alias,
      l: () => localHostname(),
      L: () => localHostname().split('.')[0] as string,
    }
    return text.replace(/%(.?)/g, (token, letter: string) => {
      const replacement = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined
      if (replacement === undefined)
        throw new SshConfigError(this.#alias, 0, `unknown token ${token} in ${JSON.stringify(text)}`)
      return replacement()
    })
  }

  #homely(path: string): string {
    return path === '~' || path.startsWith('~/') ? this.#home + path.slice(1) : path
  }

  #absolute(pattern: string): string {
    const path = this.#homely(pattern)
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

/** Patterns with commas between them; one that fits with `!` before it refuses. */
function inList(value: string, list: string): boolean {
  let fits = false
  for (const pattern of list.split(',')) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(value, pattern.slice(1))) return false
    } else if (matchesPattern(value, pattern)) fits = true
  }
  return fits
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** The files that fit an absolute path with `*` and `?`, in order. */
async function matchingFiles(pattern: string): Promise<readonly string[]> {
  let found = ['/']
  for (const part of pattern.split('/').filter((name) => name !== '')) {
    if (!/[*?]/.test(part)) {
      found = found.map((folder) => join(folder, part))
      continue
    }
    const next: string[] = []
    for (const folder of found) {
      const names = await readdir(folder).catch((error: unknown) => {
        const { code } = error as { code?: unknown }
        if (code === 'ENOENT' || code === 'ENOTDIR') return []
        throw error
      })
      for (const name of names.sort((a, b) => (a < b ? -1 : 1)))
        if (matchesPattern(name, part) && (!name.startsWith('.') || part.startsWith('.')))
          next.push(join(folder, name))
    }
    found = next
  }
  return found
}
