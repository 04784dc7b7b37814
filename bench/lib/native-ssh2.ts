/** npm's ssh2 in its strongest form, with its native addon built; npm 11 installs it without. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const folder = join(root, 'node_modules/.cache/bench-ssh2-native')

/** The path to require, or why there is none. Builds it once, where a compiler is installed. */
export function nativeSsh2(): { readonly path: string } | { readonly missing: string } {
  const path = join(folder, 'node_modules/ssh2')
  const addon = join(path, 'lib/protocol/crypto/build/Release/sshcrypto.node')
  if (existsSync(addon)) return { path }
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      private: true,
      dependencies: { ssh2: '1.17.0' },
      allowScripts: { ssh2: true, 'cpu-features': false },
    }),
  )
  try {
    execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: 'ignore',
      timeout: 180_000,
    })
  } catch (error) {
    return { missing: `npm install failed: ${(error as Error).message}` }
  }
  return existsSync(addon)
    ? { path }
    : { missing: 'its addon was not built (python3, make and g++ are needed)' }
}
