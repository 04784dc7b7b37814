/** A certificate of our own for 127.0.0.1, for web servers with TLS. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, runNow, temporaryFolder } from '@hawser/test-kit'

export function certificate(): { key: string; cert: string } {
  const folder = temporaryFolder('tls')
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const where = ['-keyout', key, '-out', cert, '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1']
  try {
    runNow('openssl', ['req', '-x509', ...kind, ...where])
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    removeFolder(folder)
  }
}
