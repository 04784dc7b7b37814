import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

const conditions = ['@hawser/source', 'module', 'node', 'development|production']
const packages = readdirSync('packages').map((name) => ({
  extends: true as const,
  root: resolve('packages', name),
  test: { name, include: ['src/**/*.test.ts'] },
}))
const suites = ['interop', 'compat', 'transcripts', 'packaging'].map((name) => ({
  extends: true as const,
  root: resolve('test', name),
  test: { name, include: ['**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
}))

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { projects: [...packages, ...suites] },
})
