/** Keys in formats that not every installed tool still writes, made for these tests and used for nothing else. */

/** DSA, 1024 bits, in the format of OpenSSH. */
export const dsaOpenSsh = [
  '-----BEGIN OPENSSH PRIVATE KEY-----',
  'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABsgAAAAdzc2gtZH',
  'NzAAAAgQD/rdlrvyONkWG910SEATOEd53rvKc9SVEoGVvtRlycfqw1nFXm6vOe0oOAMXl3',
  'CypfFEsomqlGaFtn+swdZvrraO2QOOFmeHJEawPVn5j/lld7/SsapyBDothEIk2Zpz1g5P',
  'eh8t4sI6aLOrjvv5yB0VaEIGw8x7C+faCayhvpbwAAABUAmBaSx88fAkgaRqVCxr/unkts',
  'e88AAACBAOaJi8PCrKEUnL/qZMknv6dHBrKCBSZleHK5ZA119UziImAaTh1/dEcH0gM5rl',
  'w7MdeVULrLIeaT5y+sFqXVMOhjVH0xxzu7v4wY6zWcVeoohhaZhvevg8KcgRy1wqb2VZQV',
  'QGNMVHkSVe7BKW3L1gd98IPCUIRm+U77U2mRWlSYAAAAgBJcooX580h5T7uAQlF1Ff8soT',
  'rTaJWcZyOeBocYdL+BYKEhDvp6GeSabocNaa/kZnXRh9EmftDWQlMA+BXC3lu7P77Wvthg',
  'PyZKu6tmIh7xFd1JteZpIsjNPHtH8VX6jP36rbRhrVk7SwM8Vp+DNvth72NRakN3q5Wdld',
  'Cy8TekAAAB6Cwe2PUsHtj1AAAAB3NzaC1kc3MAAACBAP+t2Wu/I42RYb3XRIQBM4R3neu8',
  'pz1JUSgZW+1GXJx+rDWcVebq857Sg4AxeXcLKl8USyiaqUZoW2f6zB1m+uto7ZA44WZ4ck',
  'RrA9WfmP+WV3v9KxqnIEOi2EQiTZmnPWDk96Hy3iwjpos6uO+/nIHRVoQgbDzHsL59oJrK',
  'G+lvAAAAFQCYFpLHzx8CSBpGpULGv+6eS2x7zwAAAIEA5omLw8KsoRScv+pkySe/p0cGso',
  'IFJmV4crlkDXX1TOIiYBpOHX90RwfSAzmuXDsx15VQussh5pPnL6wWpdUw6GNUfTHHO7u/',
  'jBjrNZxV6iiGFpmG96+DwpyBHLXCpvZVlBVAY0xUeRJV7sEpbcvWB33wg8JQhGb5TvtTaZ',
  'FaVJgAAACAElyihfnzSHlPu4BCUXUV/yyhOtNolZxnI54Ghxh0v4FgoSEO+noZ5Jpuhw1p',
  'r+RmddGH0SZ+0NZCUwD4FcLeW7s/vta+2GA/Jkq7q2YiHvEV3Um15mkiyM08e0fxVfqM/f',
  'qttGGtWTtLAzxWn4M2+2HvY1FqQ3erlZ2V0LLxN6QAAAAUH3Ook1yveuuodJ38se7DlIAF',
  'ZtYAAAALZHNhIGNvbW1lbnQBAgMEBQYH',
  '-----END OPENSSH PRIVATE KEY-----',
].join('\n')

/** The same key as DSA PRIVATE KEY, as ssh-keygen -m PEM writes it. */
export const dsaPem = [
  '-----BEGIN DSA PRIVATE KEY-----',
  'MIIBuwIBAAKBgQD/rdlrvyONkWG910SEATOEd53rvKc9SVEoGVvtRlycfqw1nFXm',
  '6vOe0oOAMXl3CypfFEsomqlGaFtn+swdZvrraO2QOOFmeHJEawPVn5j/lld7/Ssa',
  'pyBDothEIk2Zpz1g5Peh8t4sI6aLOrjvv5yB0VaEIGw8x7C+faCayhvpbwIVAJgW',
  'ksfPHwJIGkalQsa/7p5LbHvPAoGBAOaJi8PCrKEUnL/qZMknv6dHBrKCBSZleHK5',
  'ZA119UziImAaTh1/dEcH0gM5rlw7MdeVULrLIeaT5y+sFqXVMOhjVH0xxzu7v4wY',
  '6zWcVeoohhaZhvevg8KcgRy1wqb2VZQVQGNMVHkSVe7BKW3L1gd98IPCUIRm+U77',
  'U2mRWlSYAoGAElyihfnzSHlPu4BCUXUV/yyhOtNolZxnI54Ghxh0v4FgoSEO+noZ',
  '5Jpuhw1pr+RmddGH0SZ+0NZCUwD4FcLeW7s/vta+2GA/Jkq7q2YiHvEV3Um15mki',
  'yM08e0fxVfqM/fqttGGtWTtLAzxWn4M2+2HvY1FqQ3erlZ2V0LLxN6QCFB9zqJNc',
  'r3rrqHSd/LHuw5SABWbW',
  '-----END DSA PRIVATE KEY-----',
].join('\n')

/** Ed25519 in the format of OpenSSH, encrypted by aes256-gcm with the passphrase `secret`. */
export const gcmOpenSsh = [
  '-----BEGIN OPENSSH PRIVATE KEY-----',
  'b3BlbnNzaC1rZXktdjEAAAAAFmFlczI1Ni1nY21Ab3BlbnNzaC5jb20AAAAGYmNyeXB0AA',
  'AAGAAAABDasjeWolAO7yOaQnoAEJ+vAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAA',
  'IJW22KNPHJRE35qjEdb/gum+IejQ1Ufh+WQ5Ntb/XyyoAAAAkH2+C7DI+qQkjXzE+7UbqX',
  'YmArWN1yS9wLbpF2Ka1a8REtIdufDvrpiELig7/u+J/d0QlgZkPMlNgHyoDvLHn3+9A/Y3',
  'VaCAeDfR3DiEa3Qke7C9cVpYgQwt+xQJJdBuyaTEcCLL0HdYJl/nqdB8zfSXgjmEkhYnJP',
  'z6wnQzb+FgpSeTMeJbyHcuYjkOFYsQ6URUUmNKA/sTgZUQFAlUh6Y=',
  '-----END OPENSSH PRIVATE KEY-----',
].join('\n')

/** Its public half. */
export const gcmPublic = [
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJW22KNPHJRE35qjEdb/gum+IejQ1Ufh+WQ5Ntb/Xyyo gcm comment',
].join('\n')

/** RSA, 1024 bits, in version 2 of PuTTY's format, encrypted with the passphrase `secret`. */
export const ppk2 = [
  'PuTTY-User-Key-File-2: ssh-rsa',
  'Encryption: aes256-cbc',
  'Comment: ppk "comment"',
  'Public-Lines: 4',
  'AAAAB3NzaC1yc2EAAAADAQABAAAAgQC+BFycREKjBe2qHyGVTjctvs+xHL+e433f',
  'GT9Kt148FUHpx4yohFqH90IV8/drXWGFE7bkuys7PDSTsMFa3rxQjRNzJPgHihzf',
  '+tXw3Qja+EQahXb7NLBRWrOqc7uAZybRX0lDVlY0twcRjU9Ct1UJmfZ6/1++es8S',
  '/Z5oJa+pYw==',
  'Private-Lines: 8',
  '4Pp9UTdWDL18LO/wFxnhmnhJqpZCv+EMbAr3Valg6ZS1zu4BSzqMnbtWpymbVLkm',
  'uorhttqPPt/TsocUT0cV9iSkwgmE8g53Y/0WTV8uKGJ3oiWf3ruRKaTjvmlQGnL4',
  '+iFpPEUnlgNmYADJWW/amJbZFr6bFgZEQ5zRMcZOUVCGB0UuF9V1mFidAbyDOGZX',
  'cljk5Xi2a4CbsEKEfXkty1mrZwJUKN+Rxx4mzZwX6BZG498c6f+vXPmS36RbmH6S',
  'aZ5rN5ZFj1ekdFOx9aaQj79x1+z3PQFOF21E315pNBRABMzjFdRsaUDabMGIBFE4',
  'KNMTNKqeKSr8SRTN7E1nQ+ayVog38yssXA3MvfciYcahBzoxydWXpHQKBmlxIPER',
  'H+PR0SpsQCAVhu80GxrfGaLzY7UNs634T5GsHuTVCctcWALHSYgXz78dhQueaRNd',
  'tzS3s7plmtS1Pf+Qk9z3Ig==',
  'Private-MAC: 85094d94ac5a0d43dc7432f6540f4bc44156cc96',
].join('\n')

/** The same key as RSA PRIVATE KEY. */
export const ppk2Pem = [
  '-----BEGIN RSA PRIVATE KEY-----',
  'MIICWwIBAAKBgQC+BFycREKjBe2qHyGVTjctvs+xHL+e433fGT9Kt148FUHpx4yo',
  'hFqH90IV8/drXWGFE7bkuys7PDSTsMFa3rxQjRNzJPgHihzf+tXw3Qja+EQahXb7',
  'NLBRWrOqc7uAZybRX0lDVlY0twcRjU9Ct1UJmfZ6/1++es8S/Z5oJa+pYwIDAQAB',
  'AoGAOKF8KGZ/pa6Coo0cqS7iaxPPOm3i/iu2u+L+Zfo4b5e2SUJbvW2UvakHXRuU',
  'xb7S7aJug8T0oXbUBKBNQBPZ83OBvvNlgUt30zRtCnO51e2TPjK7A/biFIBdrAXq',
  'Maa6uf42fxtUgrnxdspVwH4+qeLPLYTw9hW8t5dM3nQ3DmECQQD3dc+zv6U4HX0G',
  '6+cEw0lw4FJOm854dQEjc4td25MwO+nH76ES30zk+tdEhpJYSJ+FvOuZSBJcauj8',
  'InusL/E9AkEAxJMRhgcYBM+JzDlSjPutbXnAe09Dxzbq5SyPprNsBddXCcqYpT7V',
  'mKNP4wQ1bjX8soowMLCCWgQnOhlWn+hvHwJAOIGRZRUs8AxjwVHa1c6WFY1Tnhmb',
  '4wusr+CxgUQjbw8vSfVhDYMp9tuEjmRARKKIsqw6DC1V6/6JpxFktiPYbQJAKgsO',
  'h20C/Rxqa4yjFFZL/Is62OTWKUicqtGCE/RyGTm6evSi+0zaIGBlmLdwuha/6mvV',
  '7MQDzT7wKOP8fA0ZnwJATeM0CSzmtkMiyG3Yi56kU9/ar3H40DqrFOUo0KTM9xkL',
  '6CdU7zNHFfz5tX/eF9xgLknM1ZlUecO0Kl4iEw3nag==',
  '-----END RSA PRIVATE KEY-----',
].join('\n')
