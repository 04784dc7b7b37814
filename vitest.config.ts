import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const root = dirname(fileURLToPath(import.meta.url))
const conditions = ['@hawser/source', 'module', 'node', 'development|production']

const packages = readdirSync(join(root, 'packages')).map((name) => ({
  extends: true as const,
  root: join(root, 'packages', name),
  test: { name, include: ['src/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 },
}))
const suites = ['interop', 'compat', 'transcripts', 'fuzz', 'packaging', 'demo']
  .filter((name) => existsSync(join(root, 'test', name)))
  .map((name) => ({
    extends: true as const,
    root: join(root, 'test', name),
    test: { name, include: ['**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
  }))

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // One worker fewer than cores is the default: on two cores that is half of the machine.
  test: {
    allowOnly: false,
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [...packages, ...suites],
  },
})
