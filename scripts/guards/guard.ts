/** What a guard is: some text of the source, what stands there without it, and the test that must go red then. */

export interface Guard {
  /** Package and what it keeps out; `--only` looks here. */
  readonly name: string
  readonly file: string
  /** Stands exactly once in the file. */
  readonly text: string
  /** What removes the guard; it must still run. */
  readonly without: string
  /** The test file. */
  readonly test: string
  /** Part of the full title, describes included, of the tests that must notice. */
  readonly title: string
}

/** Name, source file inside `src`, text, its replacement (of an `if`: `never`), test file inside `src`, title. */
export type Row = readonly [
  name: string,
  file: string,
  text: string,
  without: string,
  test: string,
  title: string,
]

/** Stands for: the condition never holds. The text is then what is between the brackets of an `if`. */
export const never = 'never'

/** The rows of one package; a test file that begins with `test/` is one of the whole repository. */
export function guardsOf(name: string, rows: readonly Row[]): readonly Guard[] {
  return rows.map(([what, file, text, without, test, title]) => ({
    name: `${name}: ${what}`,
    file: `packages/${name}/src/${file}`,
    text: without === never ? `if (${text})` : text,
    without: without === never ? 'if (false)' : without,
    test: test.startsWith('test/') ? test : `packages/${name}/src/${test}`,
    title,
  }))
}

/** The vitest project of a test file: a package, or a folder of test/. */
export function projectOf(test: string): string {
  return test.split('/')[1] ?? ''
}
