import { describe, expect, test } from 'vitest'
import { type CertificateRequest, issueCertificate } from '../certificates/issue.ts'
import { parseRevocationList } from '../certificates/krl.ts'
import { formatPublicKey } from '../format.ts'
import { readLine } from '../formats/openssh-line.ts'
import { generateKey } from '../generate.ts'
import type { PublicKey } from '../key.ts'
import { lines } from '../testing/fixtures.ts'
import { codeOf } from '../testing/kit.ts'
import { authorizeKey, type LoginQuestion } from './authorize.ts'
import { parseAuthorizedKeys } from './authorized-keys.ts'
import { type KeyRestrictions, keyRestrictions } from './key-restrictions.ts'

const key = readLine(lines.ed25519)
const now = new Date('2026-05-01T12:00:00Z')
const authority = await generateKey('ed25519')

function restrictions(options: string): KeyRestrictions {
  const [entry] = parseAuthorizedKeys(`${options} ${lines.ed25519}`).entries
  if (entry === undefined) throw new Error(`the line was not read: ${options}`)
  return keyRestrictions(entry.options, { timeZone: 'utc' })
}

const open = {
  certAuthority: false,
  environment: new Map(),
  agentForwarding: true,
  portForwarding: true,
  pty: true,
  userRc: true,
  x11Forwarding: true,
  noTouchRequired: false,
  verifyRequired: false,
}
const closed = {
  agentForwarding: false,
  portForwarding: false,
  pty: false,
  userRc: false,
  x11Forwarding: false,
}

describe('options by their meaning', () => {
  test.each<[string, Partial<KeyRestrictions>]>([
    ['no-pty', { pty: false }],
    ['NO-X11-Forwarding,no-agent-forwarding', { x11Forwarding: false, agentForwarding: false }],
    ['no-port-forwarding,no-user-rc', { portForwarding: false, userRc: false }],
    ['restrict', closed],
    ['restrict,pty,agent-forwarding', { ...closed, pty: true, agentForwarding: true }],
    ['pty,restrict', closed],
    ['no-pty,pty', {}],
    ['verify-required,no-touch-required', { verifyRequired: true, noTouchRequired: true }],
    ['cert-authority,principals="a,b"', { certAuthority: true, principals: ['a', 'b'] }],
    ['command="echo \\"hi, there\\""', { command: 'echo "hi, there"' }],
    ['from="10.0.0.0/8,!10.1.*,*.example"', { from: '10.0.0.0/8,!10.1.*,*.example' }],
    [
      'environment="A=1",environment="B_2=x=y",environment="A=2"',
      {
        environment: new Map([
          ['A', '1'],
          ['B_2', 'x=y'],
        ]),
      },
    ],
    ['expiry-time="20260501"', { expires: 1_777_593_600n }],
    ['expiry-time="20270101",expiry-time="20260501120000Z"', { expires: 1_777_636_800n }],
    [
      'permitopen="db.example:5432",permitopen="[::1]:*"',
      {
        permitOpen: [
          { host: 'db.example', port: 5432 },
          { host: '::1', port: '*' },
        ],
      },
    ],
    [
      'permitlisten="8080",permitlisten="localhost:*"',
      {
        permitListen: [
          { host: '*', port: 8080 },
          { host: 'localhost', port: '*' },
        ],
      },
    ],
    ['tunnel="3"', { tunnel: 3 }],
    ['tunnel="any"', { tunnel: 'any' }],
  ])('%s', (options, expected) => {
    expect(restrictions(options)).toEqual({ ...open, ...expected })
  })

  test.each([
    ['no-such-thing', 'SSH_KEY_UNSUPPORTED'],
    ['no-restrict', 'SSH_KEY_UNSUPPORTED'],
    ['command', 'SSH_KEY_UNSUPPORTED'],
    ['pty="yes"', 'SSH_KEY_UNSUPPORTED'],
    ['constructor', 'SSH_KEY_UNSUPPORTED'],
    ['command="a",command="b"', 'SSH_KEY_FORMAT'],
    ['principals="a"', 'SSH_KEY_FORMAT'],
    ['from="10.0.0.1/8"', 'SSH_KEY_FORMAT'],
    ['environment="A"', 'SSH_KEY_FORMAT'],
    ['environment="A-B=1"', 'SSH_KEY_FORMAT'],
    ['expiry-time="tomorrow"', 'SSH_KEY_FORMAT'],
    ['permitopen="5432"', 'SSH_KEY_FORMAT'],
    ['permitopen="host:0"', 'SSH_KEY_FORMAT'],
    ['permitopen="::1:22"', 'SSH_KEY_FORMAT'],
    ['permitlisten="host:65536"', 'SSH_KEY_FORMAT'],
    ['tunnel="all"', 'SSH_KEY_FORMAT'],
  ])('%s is %s', (options, code) => {
    expect(codeOf(() => restrictions(options))).toBe(code)
  })
})

function ask(text: string, question: Partial<LoginQuestion> = {}): number | string {
  const verdict = authorizeKey(parseAuthorizedKeys(text), {
    key,
    user: 'alice',
    now,
    timeZone: 'utc',
    ...question,
  })
  return verdict.allowed ? verdict.entry.line : verdict.message
}

describe('logins by a key', () => {
  test.each<[string, string, Partial<LoginQuestion>, number | RegExp]>([
    ['its line', lines.ed25519, {}, 1],
    ['no line', lines.p256, {}, /no line/],
    ['a later line', `from="10.0.0.1" ${lines.ed25519}\n${lines.ed25519}`, {}, 2],
    ['the right place', `from="10.0.0.0/8" ${lines.ed25519}`, { address: '10.1.2.3' }, 1],
    [
      'another place',
      `from="10.0.0.0/8" ${lines.ed25519}`,
      { address: '11.1.2.3' },
      /not to be used from 11.1.2.3/,
    ],
    ['an unknown place', `from="*" ${lines.ed25519}`, {}, /unknown address/],
    ['by name', `from="*.example" ${lines.ed25519}`, { address: '11.1.2.3', host: 'a.example' }, 1],
    ['until then', `expiry-time="202605011200" ${lines.ed25519}`, {}, 1],
    ['no longer', `expiry-time="20260501115959" ${lines.ed25519}`, {}, /expired/],
    ['an option nobody knows', `whatever ${lines.ed25519}`, {}, /not known/],
    ['an authority', `cert-authority ${lines.ed25519}`, {}, /signing certificates/],
    ['revoked', lines.ed25519, { revoked: parseRevocationList(lines.ed25519) }, /revoked/],
  ])('%s', (_, text, question, expected) => {
    if (typeof expected === 'number') expect(ask(text, question)).toBe(expected)
    else expect(ask(text, question)).toMatch(expected)
  })
})

describe('logins by a certificate', () => {
  const line = (options = ''): string => `cert-authority${options} ${formatPublicKey(authority.publicKey)}`
  const certified = async (changes: Partial<CertificateRequest> = {}): Promise<PublicKey> =>
    (await issueCertificate({ kind: 'user', key, keyId: '', principals: ['alice'], ...changes }, authority))
      .publicKey

  test.each<[string, string, Partial<CertificateRequest>, number | RegExp]>([
    ['for the user', line(), {}, 1],
    ['for another', line(), { principals: ['bob'] }, /for bob, not for alice/],
    ['for nobody', line(), { principals: [] }, /for nobody/],
    ['principals in place of the user', line(',principals="staff,bob"'), { principals: ['bob'] }, 1],
    ['and not beside the user', line(',principals="staff"'), {}, /not for staff/],
    ['no authority', formatPublicKey(authority.publicKey), {}, /not for signing/],
    ['expired', line(), { validBefore: 1_000_000_000n }, /expired at 2001-09-09T01:46:40Z/],
    ['for hosts', line(), { kind: 'host' }, /for a host/],
    ['the same command', line(',command="x"'), { forceCommand: 'x' }, 1],
    ['different commands', line(',command="x"'), { forceCommand: 'y' }, /different commands/],
    ['from somewhere', line(), { sourceAddress: ['10.0.0.0/8'] }, /not to be used/],
  ])('%s', async (_, text, request, expected) => {
    const answer = ask(text, { key: await certified(request) })
    if (typeof expected === 'number') expect(answer).toBe(expected)
    else expect(answer).toMatch(expected)
  })

  test('line and certificate: only what both allow, all that either demands', async () => {
    const certificate = await certified({
      forceCommand: 'x',
      verifyRequired: true,
      extensions: ['permit-pty', 'permit-user-rc', 'no-touch-required'],
    })
    const verdict = authorizeKey(parseAuthorizedKeys(line(',no-user-rc,environment="A=1"')), {
      key: certificate,
      user: 'alice',
      now,
    })
    expect(verdict).toMatchObject({
      allowed: true,
      certificate: { principals: ['alice'] },
      restrictions: {
        ...closed,
        pty: true,
        command: 'x',
        environment: new Map([['A', '1']]),
        verifyRequired: true,
        noTouchRequired: false,
      },
    })
  })
})
