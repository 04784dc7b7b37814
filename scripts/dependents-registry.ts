/** A package registry on loopback that has our tarballs, so that npm resolves them by name and range as it does for users. */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import type { Packed } from './pack.ts'

export interface Registry {
  /** For `@hawser:registry` in an .npmrc. */
  readonly url: string
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Serves `packed`, each in its one version, until stopped. */
export async function startRegistry(packed: readonly Packed[]): Promise<Registry> {
  const byName = new Map(packed.map((one) => [one.unit.manifest.name, one]))
  const byFile = new Map(packed.map((one) => [basename(one.tarball), one]))
  let url = ''
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1)
    const tarball = byFile.get(path)
    const one = byName.get(path)
    if (tarball !== undefined) response.end(readFileSync(tarball.tarball))
    else if (one === undefined) response.writeHead(404).end()
    else {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(listing(one, url)))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url, stop, [Symbol.asyncDispose]: stop }
}

/** What npm reads of a package before it fetches it. */
function listing({ unit, tarball, integrity }: Packed, url: string): object {
  const { name, version = '' } = unit.manifest
  const dist = { tarball: `${url}${basename(tarball)}`, integrity }
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...unit.manifest, dist } } }
}
