import { Rng } from '@hawser/testing/line'
import { expect, test } from 'vitest'
import { keyFileTypes, makeKeyFile, sharedKeyFile } from './key-files.ts'
import { runSsh, startSsh, startSshd } from './openssh.ts'
import { run } from './process.ts'
import { describePeers } from './vitest.ts'

describePeers(['sshd', 'ssh', 'ssh-keygen'], 'real OpenSSH', () => {
  test('ssh runs a command on a throw-away sshd, with every option passed on', async () => {
    await using sshd = await startSshd({
      ciphers: ['aes128-ctr'],
      macs: ['hmac-sha2-512'],
      kex: ['ecdh-sha2-nistp384'],
      rekeyLimit: '1M',
      userKeys: ['ecdsa-256'],
    })
    const key = sharedKeyFile('ecdsa-256')
    const hostKey = sshd.hostKeys.get('ed25519')?.publicLine.split(' ').slice(0, 2).join(' ')
    const input = new Rng('through ssh').bytes(3_000_000)
    const result = await runSsh({
      port: sshd.port,
      identities: [key.path],
      knownHosts: [`[127.0.0.1]:${sshd.port} ${hostKey}`],
      hostKeyAlgorithms: ['ssh-ed25519'],
      flags: ['-v'],
      command: 'cat; echo done >&2; exit 7',
      input,
    })
    expect(result.stderr).toMatch(/cipher: aes128-ctr MAC: hmac-sha2-512/)
    expect(result.stderr).toMatch(/kex: algorithm: ecdh-sha2-nistp384/)
    expect(result.stderr).toMatch(/^done$/m)
    expect(result.stderr.match(/rekey/g)?.length).toBeGreaterThan(0)
    expect(result.stdout.equals(input)).toBe(true)
    expect(result).toMatchObject({ code: 7, signal: null, timedOut: false })
    expect(sshd.log()).toMatch(/Accepted publickey/)
  })

  test('a key that is not authorised is refused, a changed host key too', async () => {
    await using sshd = await startSshd({ hostKeys: ['ed25519'] })
    const stranger = await runSsh({
      port: sshd.port,
      identities: [makeKeyFile('ed25519').path],
      command: 'true',
    })
    expect(stranger).toMatchObject({ code: 255 })
    expect(stranger.stderr).toMatch(/Permission denied \(publickey\)/)
    const other = makeKeyFile('ed25519').publicLine
    const changed = await runSsh({
      port: sshd.port,
      identities: [sharedKeyFile('ed25519').path],
      knownHosts: [`[127.0.0.1]:${sshd.port} ${other}`],
      command: 'true',
    })
    expect(changed).toMatchObject({ code: 255 })
    expect(changed.stderr).toMatch(/HOST IDENTIFICATION HAS CHANGED|Host key verification failed/)
  })

  test('wrong configuration is told in sshd’s own words', async () => {
    await expect(startSshd({ extra: ['Ciphers none-such'] })).rejects.toThrow(/Bad SSH2 cipher spec/)
  })

  test('stop ends the listener, not the connections; ssh is stopped by its own id', async () => {
    const sshd = await startSshd({ hostKeys: ['ed25519'] })
    const hanging = startSsh({
      port: sshd.port,
      identities: [sharedKeyFile('ed25519').path],
      command: 'echo up; exec cat',
      keepInputOpen: true,
    })
    await new Promise((resolve) => hanging.child.stdout.once('data', resolve))
    await sshd.stop()
    expect(() => process.kill(sshd.pid, 0)).toThrow('ESRCH')
    hanging.child.stdin.write('still here')
    await new Promise((resolve) => hanging.child.stdout.once('data', resolve))
    expect(await hanging.stop()).toMatchObject({ text: 'up\nstill here', timedOut: false })
  })

  test('answers are given to prompts in order', async () => {
    const key = makeKeyFile('ed25519', { passphrase: 'open sesame' })
    await using sshd = await startSshd({
      hostKeys: ['ed25519'],
      userKeys: [],
      authorizedKeys: [key.publicLine],
    })
    const result = await runSsh({
      port: sshd.port,
      identities: [key.path],
      answers: ['wrong', 'open sesame'],
      command: 'echo in',
    })
    expect(result.text).toBe('in\n')
    expect(result.prompts.length).toBe(2)
    expect(result.prompts[0]).toMatch(/passphrase/i)
  })

  test('ssh-keygen makes every type, in every container', async () => {
    for (const type of keyFileTypes) {
      const key = makeKeyFile(type)
      const { text } = await run('ssh-keygen', ['-l', '-f', key.path])
      const [, name, bits = '256'] = /^(ed25519|ecdsa|rsa)(?:-(\d+))?$/.exec(type) ?? []
      expect(text).toContain(`(${name?.toUpperCase()})`)
      expect(text.startsWith(`${bits} `)).toBe(true)
    }
    expect(makeKeyFile('rsa-2048', { format: 'pem' }).privateText).toMatch(/BEGIN RSA PRIVATE KEY/)
    expect(makeKeyFile('rsa-2048', { format: 'pkcs8' }).privateText).toMatch(/BEGIN PRIVATE KEY/)
    expect(makeKeyFile('ecdsa-256', { format: 'pem' }).privateText).toMatch(/BEGIN EC PRIVATE KEY/)
  })
})
