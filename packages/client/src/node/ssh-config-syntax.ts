/** The lines of an ssh_config file (ssh_config(5)): keyword, arguments, and what may stand between them. */

import { SshError } from '@hawser/wire'

/** A configuration that cannot be read as ssh would read it. Code `SSH_CONFIG`; the message begins with file and line. */
export class SshConfigError extends SshError {
  readonly file: string
  /** Counted from 1; 0 for the file as a whole. */
  readonly line: number

  constructor(file: string, line: number, message: string) {
    super('SSH_CONFIG', `${file}${line === 0 ? '' : ` line ${line}`}: ${message}`)
    this.file = file
    this.line = line
  }
}

export interface ConfigLine {
  readonly file: string
  readonly line: number
  /** In lower case. */
  readonly keyword: string
  /** What follows the keyword, as it stands there: for commands, which ssh takes whole. */
  readonly rest: string
  readonly args: readonly string[]
}

/** A file of this size is no configuration; in UTF-16 units. */
const mostText = 1024 * 1024

/** The lines that say something. Throws {@link SshConfigError} for quotes that do not close. */
export function readConfigLines(text: string, file: string): readonly ConfigLine[] {
  if (text.length > mostText)
    throw new SshConfigError(file, 0, `${text.length} characters, the limit is ${mostText}`)
  const lines: ConfigLine[] = []
  text.split('\n').forEach((whole, at) => {
    const content = whole.trim()
    if (content === '' || content.startsWith('#')) return
    const [, word = '', rest = ''] = /^"?([^\s="]+)"?[\s]*=?[\s]*(.*)$/.exec(content) ?? []
    const line = at + 1
    lines.push({ file, line, keyword: word.toLowerCase(), rest, args: splitArguments(rest, file, line) })
  })
  return lines
}

/** Words, with quotes of both kinds and backslashes taken off; a word that begins with # ends the line. */
function splitArguments(text: string, file: string, line: number): readonly string[] {
  const words: string[] = []
  let at = 0
  while (at < text.length) {
    if (isBlank(text[at])) {
      at++
      continue
    }
    if (text[at] === '#') break
    let word = ''
    let quote = ''
    for (; at < text.length; at++) {
      const char = text[at] as string
      const next = text[at + 1] ?? ''
      if (
        char === '\\' &&
        (next === '"' || next === "'" || next === '\\' || (quote === '' && next === ' '))
      ) {
        word += next
        at++
      } else if (quote === '' && isBlank(char)) break
      else if (quote === '' && (char === '"' || char === "'")) quote = char
      else if (char === quote) quote = ''
      else word += char
    }
    if (quote !== '') throw new SshConfigError(file, line, `a ${quote} does not close`)
    words.push(word)
  }
  return words
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t'
}
