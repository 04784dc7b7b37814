/** Our reading of ssh_config against that of the real ssh: the values of generated files, by `ssh -G`. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resolveConfig } from '@hawser/client/node'
import { Rng, temporaryFolder } from '@hawser/test-kit'
import { describePeers } from '@hawser/test-kit/vitest'
import { expect, test } from 'vitest'

const folder = temporaryFolder('ssh-config')
const names = ['web', 'db.example.net', 'gate', 'WEB2', '10.1.2.3', 'a.b']

/** Keyword and values to choose from; written with spaces, `=`, quotes and capitals in turn. */
const settings: readonly (readonly [string, readonly string[]])[] = [
  ['HostName', ['%h.internal', '10.9.8.7', 'real.example.org', 'a%%b']],
  ['User', ['ada', 'Eve', '"bob"']],
  ['Port', ['22', '2222', '65535']],
  ['IdentityFile', ['~/.ssh/id_%h', '%d/key', '/tmp/k', '"/tmp/two words"']],
  ['CertificateFile', ['~/c-cert.pub', '/tmp/c']],
  ['IdentitiesOnly', ['yes', 'no', 'true']],
  [
    'IdentityAgent',
    ['none', '~/agent', '/run/%u/agent', 'SSH_AUTH_SOCK', '~/%C', '/%i/%k/%L/%l/%n/%p/%r/%%', '${HOME}/%h'],
  ],
  ['UserKnownHostsFile', ['~/kh', '/tmp/a /tmp/b', '"/tmp/c d"', 'none', '~/%C ${HOME}/%k', '/kh/%r@%h']],
  ['GlobalKnownHostsFile', ['/etc/x', '/etc/x /etc/y']],
  ['HostKeyAlias', ['alias', 'other.name', 'UPPER']],
  ['SendEnv', ['LANG LC_*', 'A', '-LC_*', 'B C']],
  ['SetEnv', ['A=1', 'B="x y" C=3', '"D=e f"']],
  ['ConnectTimeout', ['5', '1m30', '2h', '1d5s']],
  ['ServerAliveInterval', ['0', '30', '5m']],
  ['ServerAliveCountMax', ['1', '9']],
  ['StrictHostKeyChecking', ['yes', 'no', 'ask', 'accept-new', 'off']],
  ['UpdateHostKeys', ['yes', 'no', 'ask']],
  ['HashKnownHosts', ['yes', 'no']],
  ['ProxyJump', ['u@jump:2200', 'a,b', 'jump']],
  ['ProxyCommand', ['nc %h %p', "sh -c 'exec nc %h %p' # whole", 'ssh -W "%h:%p" gate']],
  ['LocalForward', ['8080 db:80', '127.0.0.1:8081 [::1]:81', '*:8082 db.example:82', '[::1]:8083 x:83']],
  ['RemoteForward', ['9090 localhost:90', 'localhost:9091 b:91', '9092', '[::1]:9093']],
  ['DynamicForward', ['1080', '127.0.0.1:1081']],
  ['ForwardAgent', ['yes', 'no', '/dev/null']],
  ['ClearAllForwardings', ['yes', 'no', 'no']],
  ['Compression', ['yes', 'no']],
  ['RequestTTY', ['force', 'no', 'yes', 'auto']],
  ['RemoteCommand', ['uptime %h', 'echo "a  b" # c', '~/bin/%C ${HOME}']],
  ['LocalCommand', ['echo %h']],
  ['AddressFamily', ['inet', 'inet6', 'any']],
  ['BindAddress', ['127.0.0.1']],
  ['PubkeyAuthentication', ['yes', 'no', 'host-bound', 'unbound']],
  ['PasswordAuthentication', ['yes', 'no']],
  ['KbdInteractiveAuthentication', ['yes', 'no']],
  ['NumberOfPasswordPrompts', ['1', '5']],
  ['ConnectionAttempts', ['2']],
  ['TCPKeepAlive', ['yes', 'no']],
  ['GatewayPorts', ['yes', 'no']],
  ['ExitOnForwardFailure', ['yes', 'no']],
]

/** The hash %C counts the jump since OpenSSH 9.6; without one, all versions agree. */
const withoutJumps = settings.filter(([keyword]) => keyword !== 'ProxyJump')
const withoutHashes = settings.map(
  ([keyword, values]) => [keyword, values.filter((value) => !value.includes('%C'))] as const,
)

function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[rng.below(list.length)] as T
}

function setting(rng: Rng, from: typeof settings): string {
  const [keyword, values] = pick(rng, from)
  const name = pick(rng, [keyword, keyword, keyword.toLowerCase(), keyword.toUpperCase()])
  const indent = pick(rng, ['', '  ', '\t'])
  return `${indent}${name}${pick(rng, [' ', ' ', '  ', '=', ' = ', '\t'])}${pick(rng, values)}`
}

function block(rng: Rng): string {
  const patterns = [...names, '*', 'w*', '*.example.net', '?eb', '!gate', '!web', '10.*', 'g??e']
  const list = (): string => Array.from({ length: rng.between(1, 3) }, () => pick(rng, patterns)).join(',')
  const pass = pick(rng, ['true', 'false', 'test %h = web', 'test %n = gate', 'test %p -eq 22'])
  return pick(rng, [
    () => `Host ${list().replaceAll(',', ' ')}`,
    () => `Host ${list().replaceAll(',', ' ')} # whose`,
    () => `Match host ${list()}`,
    () => `Match originalhost ${list()} !user ada`,
    () => `Match user ada,Eve,root host "*"`,
    () => `Match !localuser nobody`,
    () => `Match localuser root,!eve`,
    () => `match !host ${list()}`,
    () => `Match exec "${pass}"`,
    () => `Match host ${list()} !exec "${pass}"`,
    () => 'Match all',
    () => 'Match final all',
    () => `Match final host *.internal,real*`,
    () => `Match !final host ${list()}`,
  ])()
}

function generate(rng: Rng, from: typeof settings, depth = 0): string {
  const lines: string[] = []
  for (let left = rng.between(1, 6); left > 0; left--) {
    if (depth > 0 || lines.length > 0 || rng.below(3) > 0) lines.push(block(rng))
    for (let many = rng.between(1, 6); many > 0; many--)
      lines.push(pick(rng, [setting, setting, setting, () => '# note', () => ''])(rng, from))
    if (depth < 2 && rng.below(4) === 0) {
      const at = join(folder, `inc-${rng.uint32().toString(16)}`)
      mkdirSync(at)
      writeFileSync(join(at, 'a.conf'), generate(rng, from, depth + 1))
      writeFileSync(join(at, 'b.conf'), generate(rng, from, depth + 1))
      lines.push(`Include ${pick(rng, [`${at}/*.conf`, `${at}/a.conf ${at}/none.conf`, `"${at}/?.conf"`])}`)
    }
  }
  return `${lines.join('\n')}\n`
}

describePeers(['ssh'], 'ssh_config', () => {
  test('300 generated files: our values are those of ssh -G', { timeout: 120_000 }, async () => {
    const exec = (command: string): boolean =>
      spawnSync('/bin/sh', ['-c', command], { stdio: 'ignore' }).status === 0
    let compared = 0
    for (let seed = 0; seed < 300; seed++) {
      const rng = new Rng(`ssh-config ${seed}`)
      const file = join(folder, `config-${seed}`)
      const text = generate(rng, seed % 3 === 0 ? withoutJumps : withoutHashes)
      writeFileSync(file, text)
      const alias = pick(rng, names)
      const theirs = spawnSync('ssh', ['-G', '-F', file, alias], { encoding: 'utf8' })
      expect(theirs.status, `${theirs.stderr}\n${text}`).toBe(0)
      const ours = await resolveConfig(alias, { files: [file], exec })
      const lines = [...ours.values].flatMap(([keyword, values]) =>
        values.map((value) => `${keyword} ${value}`),
      )
      const known = new Set([...ours.values.keys(), ...settings.map(([keyword]) => keyword.toLowerCase())])
      const wanted = theirs.stdout
        .split('\n')
        .filter((line) => known.has(line.split(' ', 1)[0] as string))
        .filter((line) => !/^identityfile ~\/\.ssh\/id_(?:xmss|dsa)$/.test(line))
      expect(lines.sort(), `${alias}, seed ${seed}\n${text}`).toEqual(wanted.sort())
      compared += lines.length
    }
    expect(compared).toBeGreaterThan(9000)
  })
})
