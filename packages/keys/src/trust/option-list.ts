/** Options in front of a key, as authorized_keys and allowed_signers have them: names, some with `="…"`, commas between them. */

import { KeyError } from '../errors.ts'

/** One option in front of a key: `command="…"`, `no-pty`, `from="…"`. */
export interface LineOption {
  /** In lower case. */
  readonly name: string
  /** What stands between the quotes, with `\"` as `"`; undefined for options without a value. */
  readonly value?: string
}

/** The options that `content` starts with, up to the first white space outside of quotes, and what follows. Throws {@link KeyError}. */
export function readLineOptions(content: string): {
  readonly options: readonly LineOption[]
  readonly rest: string
} {
  const options: LineOption[] = []
  const option = /([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\"|\\(?!"))*)")?(,|[ \t]+)/y
  for (;;) {
    const [, name, value, end] = option.exec(content) ?? []
    if (name === undefined || end === undefined)
      throw new KeyError('SSH_KEY_FORMAT', `option ${options.length + 1} is malformed`)
    options.push(
      value === undefined
        ? { name: name.toLowerCase() }
        : { name: name.toLowerCase(), value: value.replaceAll('\\"', '"') },
    )
    if (end !== ',') return { options, rest: content.slice(option.lastIndex) }
  }
}
