/** Whether the lines after a Host or Match count (ssh_config(5)). */

import { matchesPattern } from '@hawser/keys'
import type { Awaitable } from '@hawser/session'
import { type ConfigLine, SshConfigError } from './ssh-config-syntax.ts'

/** What lines are held against, as it stands when they are read. */
export interface MatchFacts {
  readonly alias: string
  /** The name that HostName lines so far have made of it. */
  readonly hostname: string
  readonly user: string
  readonly localUser: string
  /** The second reading, which `Match final` asks for. */
  readonly final: boolean
  /** Decides `Match exec`. */
  readonly exec: ((command: string) => Awaitable<boolean>) | undefined
}

export function hostMatches({ args, file, line }: ConfigLine, name: string): boolean {
  if (args.length === 0) throw new SshConfigError(file, line, 'Host needs a pattern')
  let fits = false
  for (const pattern of args) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(name, pattern.slice(1))) return false
    } else if (matchesPattern(name, pattern)) fits = true
  }
  return fits
}

/** Whether the criteria fit, and whether one of them is `final`. With `never`, programs are not asked. */
export async function matchFits(
  { args, file, line }: ConfigLine,
  facts: MatchFacts,
  never: boolean,
): Promise<{ readonly fits: boolean; readonly wantsFinal: boolean }> {
  const bad = (message: string): SshConfigError => new SshConfigError(file, line, `Match: ${message}`)
  if (args.length === 0) throw bad('needs a criterion')
  let all = true
  let wantsFinal = false
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string
    const negated = word.startsWith('!')
    const [, criterion = '', attached] = /^!?([^=]*)(?:=(.*))?$/.exec(word) ?? []
    const name = criterion.toLowerCase()
    let fits: boolean
    if (name === 'all') {
      const before = args[at - 1] ?? ''
      if (negated || at !== args.length - 1 || (at > 0 && !/^!?(?:final|canonical)$/i.test(before)))
        throw bad('all stands alone, or after final')
      continue
    }
    if (name === 'final' || name === 'canonical') {
      if (name === 'final') wantsFinal = true
      fits = facts.final
    } else {
      const value = attached ?? args[++at]
      if (value === undefined || value === '') throw bad(`${name} needs a value`)
      fits = await criterionFits(name, value, facts, all && !never, bad)
    }
    if (fits === negated) all = false
  }
  return { fits: all, wantsFinal }
}

async function criterionFits(
  name: string,
  value: string,
  facts: MatchFacts,
  counts: boolean,
  bad: (message: string) => SshConfigError,
): Promise<boolean> {
  switch (name) {
    case 'host':
      return inList(facts.hostname.toLowerCase(), value.toLowerCase())
    case 'originalhost':
      return inList(facts.alias.toLowerCase(), value.toLowerCase())
    case 'user':
      return inList(facts.user, value)
    case 'localuser':
      return inList(facts.localUser, value)
    case 'exec':
      if (!counts) return false
      if (facts.exec === undefined)
        throw bad('exec would start a program: give the option exec if the file is to be trusted with that')
      return (await facts.exec(value)) === true
    default:
      throw bad(`unknown criterion ${JSON.stringify(name)}`)
  }
}

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
