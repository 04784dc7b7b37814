import { expect, test } from 'vitest'
import { keyTypeOf, signatureNameOf } from './methods.ts'

test.each([
  ['ssh-ed25519', 'ssh-ed25519', 'ssh-ed25519'],
  ['rsa-sha2-512', 'ssh-rsa', 'rsa-sha2-512'],
  ['rsa-sha2-256-cert-v01@openssh.com', 'ssh-rsa-cert-v01@openssh.com', 'rsa-sha2-256'],
  ['ssh-rsa-cert-v01@openssh.com', 'ssh-rsa-cert-v01@openssh.com', 'ssh-rsa'],
  ['ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519'],
  ['sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com'],
  [
    'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
    'sk-ecdsa-sha2-nistp256@openssh.com',
    'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
  ],
  [
    'webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
  ],
  [
    'sk-ssh-ed25519-cert-v01@openssh.com',
    'sk-ssh-ed25519-cert-v01@openssh.com',
    'sk-ssh-ed25519@openssh.com',
  ],
  [
    'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'sk-ecdsa-sha2-nistp256@openssh.com',
  ],
])('%s is for keys of type %s and signs as %s', (algorithm, type, name) => {
  expect(keyTypeOf(algorithm)).toBe(type)
  expect(signatureNameOf(algorithm)).toBe(name)
})
