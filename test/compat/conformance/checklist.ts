/** Every line of the checklist by its name, section by section, and for the few that no case can show where they are shown. */

/** Section of the documented surface → its lines. A case names the lines that it shows; `section line` is the whole name. */
const surface: Readonly<Record<string, string>> = {
  '1.1': 'HTTPAgent, HTTPSAgent',
  '1.2': 'events, unix connection, x11, x11 unasked, change password, continue, hostkeys, rekey',
  '1.3':
    'host, port, localAddress, localPort, forceIPv4, forceIPv6, username, localHostname, localUsername, authHandler, authHandler list, authHandler user, keepaliveInterval, keepaliveCountMax, readyTimeout, sock, strictVendor, compress, debug, timeout, allowHalfOpen, ident',
  '1.4':
    'exec x11, exec env, agentForward, shell, boolean, destroy, rekey, setNoDelay, openssh_noMoreSessions, openssh_forwardInStreamLocal, openssh_unforwardInStreamLocal, openssh_forwardOutStreamLocal',
  '1.5':
    'net.Server, listen, hostKeys, greeting, banner, ident, highWaterMark, debug, keepaliveInterval, keepaliveCountMax, injectSocket',
  '1.6':
    'username, service, reject, abort, password, requestChange, publickey, keyboard-interactive, none, hostbased',
  '1.7':
    'ready, tcpip, openssh.streamlocal, request, request without reply, rekey event, handshake, end, end boolean, x11, openssh_forwardOutStreamLocal, rekey, setNoDelay, authenticated, noMoreSessions, boolean',
  '1.8':
    'pty, window-change, x11, env, signal, shell, exec, subsystem, close, eof, end, accept without reply',
  '1.9':
    'half open, back-pressure, stderr, signal, exit, type, subtype, server, incoming, outgoing, eof, close, allowHalfOpen',
  '1.11': 'HTTPAgent, HTTPSAgent',
  '1.17': 'AgentProtocol, createAgent',
  '1.12':
    'fastGet, fastPut, createReadStream, createWriteStream, open, close, read, readData, write, writeData, fstat, stat, lstat, fsetstat, setstat, futimes, utimes, fchown, chown, fchmod, chmod, opendir, readdir, unlink, rename, mkdir, rmdir, readlink, symlink, realpath, ext_openssh_rename, ext_openssh_statvfs, ext_openssh_fstatvfs, ext_openssh_hardlink, ext_openssh_fsync, ext_openssh_lsetstat, ext_openssh_expandPath, ext_copy_data, ext_home_dir, ext_users_groups, readFile, writeFile, appendFile, exists, end, events, boolean, continue, environment',
  '1.13':
    'OPEN, READ, WRITE, FSTAT, FSETSTAT, CLOSE, OPENDIR, READDIR, LSTAT, STAT, REMOVE, RMDIR, REALPATH, READLINK, SETSTAT, MKDIR, RENAME, SYMLINK, EXTENDED, unhandled, ready, status, handle, data, name, attrs, boolean, announce, extendedReply, end, exit status, back-pressure',
  '1.14': 'ATTRS, Stats, STATUS_CODE, OPEN_MODE, stringToFlags, flagsToString',
  '1.15': 'parseKey, generateKeyPair, generateKeyPairSync, formats, PKCS#8, low-level helpers',
}

/** Lines whose names are only a number: conflicts between the two lines (C) and observed behaviour (B). */
const numbered: readonly string[] = [
  '1.10',
  '1.19',
  ...Array.from({ length: 46 }, (_none, at) => `C${at + 1}`),
  ...Array.from({ length: 47 }, (_none, at) => `B${at + 1}`),
]

/** Numbers that the checklist does not use. */
const unused = ['C32', 'C39']

/** Shown by tests of their own, since no case with one module in one process can. */
const elsewhere: Readonly<Record<string, string>> = {
  B1: 'module-shape.test.ts: require and import by name in processes of their own',
  '1.1 HTTPSAgent': 'http-agents.test.ts: a web server with TLS behind sshd',
  '1.11 HTTPSAgent': 'http-agents.test.ts: a web server with TLS behind sshd',
  C36: 'http-agents.test.ts: a web server with TLS behind sshd',
}

/** The names of all lines that the conformance suite answers for. */
export const checklist: readonly string[] = [
  ...Object.entries(surface).flatMap(([section, lines]) =>
    lines.split(', ').map((line) => `${section} ${line}`),
  ),
  ...numbered,
].filter((line) => !unused.includes(line))

/** Whether a case that names `names` shows `line`, be it one aspect of it. */
export function shows(names: readonly string[], line: string): boolean {
  return names.some((name) => name === line || name.startsWith(`${line} `))
}

export function shownElsewhere(line: string): boolean {
  return line in elsewhere
}
