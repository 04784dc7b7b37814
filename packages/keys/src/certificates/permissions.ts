/** What the options of a user's certificate allow and demand (OpenSSH PROTOCOL.certkeys, "Critical options", "Extensions"). */

import type { Certificate, CertificateOption } from './certificate.ts'

/** Whoever admits the user must honour all of it. */
export interface CertificatePermissions {
  /** Run this, whatever the user asks for. */
  readonly forceCommand?: string
  /** Addresses and CIDR with commas between them: the user may come from there only. */
  readonly sourceAddress?: string
  /** The security key's signature must say that its user was verified, by PIN or finger. */
  readonly verifyRequired: boolean
  /** The security key's signature need not say that its user was there. */
  readonly noTouchRequired: boolean
  readonly agentForwarding: boolean
  readonly portForwarding: boolean
  readonly pty: boolean
  readonly userRc: boolean
  readonly x11Forwarding: boolean
}

/** The extensions that ssh-keygen gives to users unless told otherwise. */
export const defaultUserExtensions: readonly string[] = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
  'permit-user-rc',
]

/** Critical options that have a string as their data; the other known ones have none. */
export const criticalWithValue: readonly string[] = ['force-command', 'source-address']
export const criticalFlags: readonly string[] = ['verify-required']
export const extensionFlags: readonly string[] = ['no-touch-required', ...defaultUserExtensions]

/** The permissions of a user's certificate, or why its options cannot be honoured: unknown, malformed or there twice. */
export function permissionsOf(certificate: Certificate): CertificatePermissions | string {
  const critical = new Map<string, CertificateOption>()
  for (const option of certificate.criticalOptions) {
    const { name, data, value } = option
    const shown = JSON.stringify(name.slice(0, 80))
    if (critical.has(name)) return `the critical option ${shown} is there twice`
    if (criticalWithValue.includes(name)) {
      if (value === undefined || value.includes('\0'))
        return `the critical option ${shown} has no text as its value`
    } else if (!criticalFlags.includes(name)) return `the critical option ${shown} is not known here`
    else if (data.length > 0) return `the critical option ${shown} takes no value`
    critical.set(name, option)
  }
  const forceCommand = critical.get('force-command')?.value
  const sourceAddress = critical.get('source-address')?.value
  const extensions = new Set(certificate.extensions.map(({ name }) => name))
  return Object.freeze({
    ...(forceCommand === undefined ? {} : { forceCommand }),
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    verifyRequired: critical.has('verify-required'),
    noTouchRequired: extensions.has('no-touch-required'),
    agentForwarding: extensions.has('permit-agent-forwarding'),
    portForwarding: extensions.has('permit-port-forwarding'),
    pty: extensions.has('permit-pty'),
    userRc: extensions.has('permit-user-rc'),
    x11Forwarding: extensions.has('permit-X11-forwarding'),
  })
}
