import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseCertificates } from '../../src/x509/certificate-file.ts'
import { buildChain, chainLinks } from '../../src/x509/chain.ts'
import { type Issued, issue, openssl, withUnknownKey, writeBundle } from '../support/certificates.ts'

const PAST = new Date('2020-01-01T00:00:00Z')
const EXPIRED = new Date('2021-01-01T00:00:00Z')
/** Before all that has no other end. */
const SOON = new Date(Date.now() + 20 * 86_400_000)

const directory = t.testdir()
const root = issue(directory, { subject: '/O=Test/CN=Root', ca: true })
const policy = issue(directory, { subject: '/O=Test/CN=Policy CA', ca: true, issuer: root })
const issuing = issue(directory, { subject: '/O=Test/CN=Issuing CA', ca: true, issuer: policy })
const leaf = issue(directory, { subject: '/O=Test/CN=Signer', issuer: issuing })
const strangerRoot = issue(directory, { subject: '/O=Other/CN=Root', ca: true })
const stranger = issue(directory, { subject: '/O=Other/CN=Issuing CA', ca: true, issuer: strangerRoot })

t.test('a chain is found in a bundle in any order', async (t) => {
  for (const bundle of permutations([root, policy, issuing, stranger])) {
    checkChain(t, leaf, bundle, [issuing, policy, root], true)
  }
})

t.test('the chain is the one that openssl verify finds', async (t) => {
  const bundle = [stranger, root, policy, leaf, issuing]
  const { issuers } = buildChain(leaf.certificate, certificatesOf(bundle))
  t.strictSame(
    [leaf.certificate, ...issuers].map(({ subject }) =>
      subject.replaceAll('\n', ', ').replaceAll('=', ' = '),
    ),
    opensslChain(leaf, [root], bundle),
  )
})

t.test('the leaf itself and duplicates in the bundle do not disturb', async (t) => {
  const bundle = [leaf, issuing, issuing, root, leaf, policy, root, policy]
  checkChain(t, leaf, bundle, [issuing, policy, root], true)
})

t.test('without an issuer in the middle the chain ends there, and is incomplete', async (t) => {
  checkChain(t, leaf, [root, issuing], [issuing], false)
  checkChain(t, leaf, [root, policy], [], false)
  checkChain(t, leaf, [], [], false)
})

t.test('without its root a chain is incomplete', async (t) => {
  checkChain(t, leaf, [policy, issuing], [issuing, policy], false)
})

t.test('a self-signed leaf is a complete chain', async (t) => {
  const selfSigned = issue(directory, { subject: '/CN=Self' })
  t.notOk(selfSigned.certificate.checkIssued(selfSigned.certificate), 'its key usage lacks keyCertSign')
  checkChain(t, selfSigned, [root, selfSigned], [], true)
})

t.test('of CAs with the same name the one whose key signed is the issuer', async (t) => {
  const one = issue(directory, { subject: '/CN=Twin', ca: true })
  const other = issue(directory, { subject: '/CN=Twin', ca: true })
  const child = issue(directory, {
    ...{ subject: '/CN=Child', issuer: other, extensions: ['authorityKeyIdentifier = none'] },
  })
  t.ok(child.certificate.checkIssued(one.certificate), 'names alone do not tell')
  checkChain(t, child, [one, other], [other], true)
  checkChain(t, child, [other, one], [other], true)
  checkChain(t, child, [one], [], false)
})

t.test('a CA whose key is of a type that OpenSSL does not know is no issuer', async (t) => {
  const unknown = withUnknownKey(root.certificate)
  t.throws(() => unknown.publicKey)
  const child = issue(directory, {
    subject: '/CN=Child',
    issuer: root,
    extensions: ['authorityKeyIdentifier = none'],
  }).certificate
  t.equal(child.issuer, unknown.subject)
  t.same(buildChain(child, [unknown]), { issuers: [], complete: false })
})

t.test('cross-signed CAs', async (t) => {
  const oldRoot = issue(directory, { subject: '/CN=Old root', ca: true })
  const newRoot = issue(directory, { subject: '/CN=New root', ca: true })
  const crossed = issue(directory, {
    ...{ subject: '/CN=New root', ca: true, issuer: oldRoot, keyFile: newRoot.keyFile },
  })
  const signer = issue(directory, { subject: '/CN=Signer', issuer: newRoot, notAfter: SOON })

  t.test('the path that reaches a root wins', async (t) => {
    for (const bundle of permutations([crossed, oldRoot])) {
      checkChain(t, signer, bundle, [crossed, oldRoot], true)
    }
    for (const bundle of permutations([crossed, newRoot])) {
      checkChain(t, signer, bundle, [newRoot], true)
    }
  })

  t.test('of two paths to a root the shorter wins, as with openssl', async (t) => {
    for (const bundle of permutations([crossed, oldRoot, newRoot])) {
      checkChain(t, signer, bundle, [newRoot], true)
    }
    const chain = opensslChain(signer, [oldRoot, newRoot], [crossed])
    t.strictSame(chain, ['CN = Signer', 'CN = New root'])
  })

  t.test('a valid path wins over a shorter one that has expired', async (t) => {
    const expired = issue(directory, {
      ...{ subject: '/CN=New root', ca: true, keyFile: newRoot.keyFile },
      ...{ notBefore: PAST, notAfter: EXPIRED },
    })
    for (const bundle of permutations([expired, crossed, oldRoot])) {
      checkChain(t, signer, bundle, [crossed, oldRoot], true)
    }
    t.equal(
      buildChain(signer.certificate, certificatesOf([expired, crossed, oldRoot]), PAST).issuers[0],
      expired.certificate,
      'valid at the time asked for',
    )
    checkChain(t, signer, [expired], [expired], true)
  })

  t.test('an expired cross-certificate that leads nowhere is not taken for a valid one', async (t) => {
    const expired = issue(directory, {
      ...{ subject: '/CN=Issuing', ca: true, issuer: oldRoot },
      ...{ notBefore: PAST, notAfter: EXPIRED },
    })
    const valid = issue(directory, {
      ...{ subject: '/CN=Issuing', ca: true, issuer: newRoot, keyFile: expired.keyFile },
    })
    const child = issue(directory, { subject: '/CN=Child', issuer: valid })
    checkChain(t, child, [expired, valid], [valid], false)
    checkChain(t, child, [valid, expired], [valid], false)
    checkChain(t, child, [expired], [expired], false)
  })
})

t.test('of two paths to a root the one that lasts longer wins, in any order of the bundle', async (t) => {
  const later = new Date(Date.now() + 30 * 86_400_000)
  const ca = { subject: '/CN=Renewed', ca: true }
  const former = issue(directory, { ...ca, notAfter: SOON })
  const renewed = issue(directory, { ...ca, keyFile: former.keyFile })
  const middle = issue(directory, { subject: '/CN=Middle', ca: true, issuer: renewed })
  const signer = issue(directory, { subject: '/CN=Signer', issuer: middle })

  t.test('of a root that was renewed with its key', async (t) => {
    for (const bundle of permutations([former, renewed, middle])) {
      checkChain(t, signer, bundle, [middle, renewed], true)
    }
  })

  t.test('of an issuer that was renewed with its key', async (t) => {
    const before = issue(directory, {
      ...{ subject: '/CN=Middle', ca: true, issuer: renewed, keyFile: middle.keyFile, notAfter: SOON },
    })
    for (const bundle of permutations([before, middle, renewed])) {
      checkChain(t, signer, bundle, [middle, renewed], true)
    }
  })

  t.test('of two roots, though neither lasts as long as the signer', async (t) => {
    const cross = issue(directory, { subject: '/CN=Cross', ca: true, notAfter: later })
    const crossed = issue(directory, {
      ...{ subject: '/CN=Middle', ca: true, issuer: cross, keyFile: middle.keyFile },
    })
    for (const bundle of permutations([former, middle, crossed, cross])) {
      checkChain(t, signer, bundle, [crossed, cross], true)
    }
  })

  t.test('what outlives the signer counts no more than what ends with it', async (t) => {
    const crossed = issue(directory, {
      ...{ subject: '/CN=Renewed', ca: true, issuer: root, keyFile: former.keyFile },
    })
    const last = issue(directory, { subject: '/CN=Signer', issuer: middle, notAfter: SOON })
    for (const bundle of permutations([former, middle, crossed, root])) {
      checkChain(t, last, bundle, [middle, former], true)
    }
  })
})

t.test('CAs that all certify each other end, and at once', async (t) => {
  const names = Array.from({ length: 6 }, (_, index) => `/CN=CA ${index}`)
  const selfSigned = names.map((subject) => issue(directory, { subject, ca: true }))
  const crossed = selfSigned.flatMap((issuer) =>
    selfSigned
      .filter((subject) => subject !== issuer)
      .map(({ certificate, keyFile }) =>
        issue(directory, { subject: `/${certificate.subject}`, ca: true, issuer, keyFile }),
      ),
  )
  const signer = issue(directory, {
    ...{ subject: '/CN=Signer', issuer: selfSigned[0] as Issued, notAfter: SOON },
  })
  const begin = process.cpuUsage()
  const chain = buildChain(signer.certificate, certificatesOf(crossed))
  t.ok(process.cpuUsage(begin).user < 1_000_000, `${process.cpuUsage(begin).user} µs of the processor`)
  t.notOk(chain.complete)
  t.ok(chain.issuers.length >= 1)
  checkLinked(t, signer.certificate, chain.issuers)
  checkChain(t, signer, [...crossed, ...selfSigned], [selfSigned[0] as Issued], true)
})

t.test('a bundle of 300 certificates is no burden', async (t) => {
  const strangers = Array.from({ length: 297 }, (_, index) => {
    const subject = ['-subj', index % 2 === 0 ? `/CN=Stranger ${index}` : '/O=Test/CN=Issuing CA']
    return openssl('req', '-x509', '-new', '-key', stranger.keyFile, ...subject)
  })
  const bundle = parseCertificates(
    Buffer.from([...strangers, root.certificate, issuing.certificate, policy.certificate].join('')),
  )
  t.equal(bundle.length, 300)
  const begin = process.cpuUsage()
  const { issuers, complete } = buildChain(leaf.certificate, bundle)
  t.ok(process.cpuUsage(begin).user < 1_000_000, `${process.cpuUsage(begin).user} µs of the processor`)
  t.ok(complete)
  t.strictSame(fingerprints(issuers), fingerprints(certificatesOf([issuing, policy, root])))
})

function checkChain(
  t: Test,
  from: Issued,
  bundle: readonly Issued[],
  expected: readonly Issued[],
  complete: boolean,
): void {
  const chain = buildChain(from.certificate, certificatesOf(bundle))
  t.strictSame(
    { issuers: fingerprints(chain.issuers), complete: chain.complete },
    { issuers: fingerprints(certificatesOf(expected)), complete },
    `[${bundle.map(({ certificate }) => certificate.subject.split('=').pop()).join(', ')}]`,
  )
}

/** Each is signed by the next. */
function checkLinked(t: Test, from: X509Certificate, issuers: readonly X509Certificate[]): void {
  let below = from
  for (const issuer of issuers) {
    t.ok(below.verify(issuer.publicKey))
    below = issuer
  }
}

/** Subjects in the order of `openssl verify -show_chain`, leaf first. */
function opensslChain(from: Issued, trusted: readonly Issued[], untrusted: readonly Issued[]): string[] {
  const printed = openssl(
    ...[
      'verify',
      '-show_chain',
      '-trusted',
      writeBundle(join(directory, 'trusted.pem'), certificatesOf(trusted)),
    ],
    ...['-untrusted', writeBundle(join(directory, 'untrusted.pem'), certificatesOf(untrusted))],
    from.certificateFile,
  )
  return [...printed.matchAll(/^depth=\d+: (.*?)( \(untrusted\))?$/gm)].map(([, subject]) => String(subject))
}

function certificatesOf(issued: readonly Issued[]): X509Certificate[] {
  return issued.map(({ certificate }) => certificate)
}

function fingerprints(certificates: readonly X509Certificate[]): string[] {
  return certificates.map(({ fingerprint256 }) => fingerprint256)
}

function permutations<T>(items: readonly T[]): T[][] {
  return items.length === 0
    ? [[]]
    : items.flatMap((item) =>
        permutations(items.filter((other) => other !== item)).map((others) => [item, ...others]),
      )
}

t.test('nobody is asked about a root, nor about a leaf that its authority never revokes', async (t) => {
  const subjects = (chain: readonly Issued[]) =>
    chainLinks(chain.map(({ certificate }) => certificate)).map(({ certificate }) => certificate.subject)
  t.strictSame(subjects([leaf, issuing, policy, root]), [
    'O=Test\nCN=Signer',
    'O=Test\nCN=Issuing CA',
    'O=Test\nCN=Policy CA',
  ])
  const never = issue(directory, {
    ...{ subject: '/O=Test/CN=Never', issuer: issuing, extensions: ['2.5.29.56 = DER:0500'] },
  })
  t.strictSame(subjects([never, issuing, root]), ['O=Test\nCN=Issuing CA'])
})
