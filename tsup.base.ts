import { defineConfig, type Options } from 'tsup'
import { writeImports } from './tsup.imports.ts'
import { loadLate } from './tsup.late.ts'

interface More extends Options {
  /** Modules that `require` loads at their first use only. */
  readonly late?: RegExp
}

/** The one build of every published package: ESM, CJS and types, with shared chunks so that a class has one identity. */
export function library(
  entry: Record<string, string>,
  { late, ...more }: More = {},
): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: ['esm', 'cjs'],
    platform: 'neutral',
    target: 'node20',
    // The code is readable as it is; maps would be most of what is installed.
    sourcemap: false,
    clean: true,
    splitting: true,
    // Rollup writes the CJS files; without it they come from a transform that rewrites `?.` into slow helper calls.
    treeshake: more.splitting !== false,
    external: [/^#/, /^node:/],
    removeNodeProtocol: false,
    dts: { compilerOptions: { ignoreDeprecations: '6.0', customConditions: [] } },
    silent: true,
    async onSuccess() {
      if (late !== undefined) loadLate('dist', late)
      await writeImports('.')
    },
    ...more,
  })
}
