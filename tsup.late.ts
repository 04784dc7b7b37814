/** Lets built CommonJS load what it requires at its first use, so that a program starts without the parts that it does not use. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the built file calls: an object whose names are those of the module, which is loaded when the first of them is read. */
const helper = `function loadedLate(load, names) {
  const module = {};
  let loaded;
  for (const name of names)
    Object.defineProperty(module, name, { enumerable: true, get: () => (loaded ??= load())[name] });
  return module;
}
`

/** Rewrites the `.cjs` files of `folder`. `require` stays a call with a literal in it, so that bundlers see it as before. */
export function loadLate(folder: string, specifiers: RegExp): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cjs'))) {
    const path = join(folder, file)
    const code = readFileSync(path, 'utf8')
    const rewritten = lateRequires(code, specifiers)
    if (rewritten !== code) writeFileSync(path, rewritten)
  }
}

/** The uses stay as they are, as properties of one variable per module; only that variable changes. */
export function lateRequires(code: string, specifiers: RegExp): string {
  const rewritten = code.replaceAll(
    /^var ([\w$]+) = require\((['"])([^'"]+)\2\);$/gm,
    (line, variable: string, _quote, specifier: string) => {
      if (!specifiers.test(specifier)) return line
      const use = new RegExp(`(?<![\\w$.])${variable.replaceAll('$', '\\$')}\\.([\\w$]+)`, 'g')
      const names = [...new Set([...code.matchAll(use)].map(([, name]) => name))]
      return `var ${variable} = loadedLate(() => require('${specifier}'), ${JSON.stringify(names)});`
    },
  )
  return rewritten === code ? code : rewritten.replace(/^(['"])use strict\1;\n/, (line) => line + helper)
}
