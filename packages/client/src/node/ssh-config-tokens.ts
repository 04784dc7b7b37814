/** What stands for something else in the values of ssh_config: `%h`, `${HOME}`, `~` (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES). */

import { createHash } from 'node:crypto'
import { hostname as localHostname, userInfo } from 'node:os'
import { SshConfigError } from './ssh-config-syntax.ts'

/** What tokens are made of. */
export interface TokenFacts {
  readonly alias: string
  readonly hostname: string
  readonly port: string
  readonly user: string
  readonly localUser: string
  readonly home: string
  readonly hostKeyAlias: string | undefined
  readonly proxyJump: string | undefined
}

function tokensOf(facts: TokenFacts): Readonly<Record<string, () => string>> {
  const { alias, hostname, port, user, localUser, home, hostKeyAlias, proxyJump } = facts
  const jump = proxyJump === undefined || proxyJump === 'none' ? '' : proxyJump
  return {
    '%': () => '%',
    // As since OpenSSH 9.6, which counts the jump; without one, as ever.
    C: () => createHash('sha1').update(`${localHostname()}${hostname}${port}${user}${jump}`).digest('hex'),
    d: () => home,
    h: () => hostname,
    i: () => String(userInfo().uid),
    j: () => jump,
    k: () => hostKeyAlias ?? alias,
    L: () => localHostname().split('.')[0] as string,
    l: () => localHostname(),
    n: () => alias,
    p: () => port,
    r: () => user,
    u: () => localUser,
  }
}

/** `text` with its tokens replaced. Throws {@link SshConfigError} for an unknown one. */
export function expandTokens(text: string, facts: TokenFacts): string {
  return replaced(text, /%(.?)/g, facts)
}

/** As {@link expandTokens}, and `${NAME}` by variables of the environment, which have to be there. */
export function expandVariables(text: string, facts: TokenFacts): string {
  return replaced(text, /%(.?)|\$\{([^}]*)\}/g, facts)
}

function replaced(text: string, pattern: RegExp, facts: TokenFacts): string {
  const tokens = tokensOf(facts)
  return text.replace(pattern, (found, letter: string | undefined, variable: string | undefined) => {
    const value =
      variable === undefined || letter !== undefined
        ? Object.hasOwn(tokens, letter ?? '')
          ? tokens[letter ?? '']?.()
          : undefined
        : process.env[variable]
    if (value === undefined)
      throw new SshConfigError(
        facts.alias,
        0,
        found.startsWith('$')
          ? `the variable ${found} in ${JSON.stringify(text)} is not set`
          : `unknown token ${found} in ${JSON.stringify(text)}`,
      )
    return value
  })
}

/** `~` and `~/…` by the home folder. */
export function expandHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? home + path.slice(1) : path
}
