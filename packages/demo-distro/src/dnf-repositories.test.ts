import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChrootConfig } from '@copr/contract/chroot-config'
import {
  chrootRepositories,
  type DnfRepository,
  parseDnf4Dump,
  parseDnf5Dump,
} from './dnf-repositories.ts'

const KEY = 'file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-43-x86_64'

/** The output of `dnf --dump-repo-config=*`, shortened. */
const DNF5 = `Updating and loading repositories:
======== "fedora" repository configuration: ========
name = Fedora 43 - x86_64
enabled = 1
baseurl
mirrorlist
metalink = https://mirrors.fedoraproject.org/metalink?repo=fedora-43&arch=x86_64
type = rpm-md
gpgcheck = 1
pkg_gpgcheck = 1
repo_gpgcheck = 0
gpgkey = ${KEY}
priority = 99
cost = 1000
module_hotfixes = 0
skip_if_unavailable = 0
sslverify = 1
sslcacert
sslclientcert =
username =
======== "fedora-cisco-openh264" repository configuration: ========
name = Fedora 43 openh264 (From Cisco) - x86_64
enabled = 1
metalink = https://mirrors.fedoraproject.org/metalink?repo=fedora-cisco-openh264-43&arch=x86_64
gpgcheck = 1
gpgkey = ${KEY}
priority = 99
skip_if_unavailable = 1
sslverify = 1
======== "fedora-source" repository configuration: ========
name = Fedora 43 - Source
enabled = 0
metalink = https://mirrors.fedoraproject.org/metalink?repo=fedora-source-43&arch=x86_64
======== "local" repository configuration: ========
name = Local
enabled = 1
baseurl = https://one.example.org/43/x86_64/, https://two.example.org/43/x86_64/
gpgcheck = 0
gpgkey = ${KEY}, file:///etc/pki/rpm-gpg/two
priority = 10
module_hotfixes = 1
skip_if_unavailable = 0
======== "copr:copr.fedorainfracloud.org:group_x:tools" repository configuration: ========
name = Copr repo for tools
enabled = 1
baseurl = https://download.copr.fedorainfracloud.org/results/@x/tools/fedora-43-x86_64/
skip_if_unavailable = 0
`

/** The output of {@link DNF4_SCRIPT} on RHEL 9 with a subscription. */
const DNF4 = `Updating Subscription Management repositories.
${JSON.stringify([
  {
    id: 'rhel-9-for-x86_64-baseos-rpms',
    name: 'Red Hat Enterprise Linux 9 for x86_64 - BaseOS (RPMs)',
    baseurl: ['https://cdn.redhat.com/content/dist/rhel9/9/x86_64/baseos/os'],
    metalink: '',
    mirrorlist: '',
    gpgcheck: true,
    repo_gpgcheck: false,
    gpgkey: ['file:///etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release'],
    priority: 99,
    module_hotfixes: false,
    skip_if_unavailable: false,
    sslverify: true,
    sslcacert: '/etc/rhsm/ca/redhat-uep.pem',
    sslclientcert: '/etc/pki/entitlement/123.pem',
    sslclientkey: '/etc/pki/entitlement/123-key.pem',
    username: '',
  },
  {
    id: 'epel',
    name: 'Extra Packages for Enterprise Linux 9 - x86_64',
    baseurl: [],
    metalink: 'https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=x86_64',
    mirrorlist: null,
    gpgcheck: true,
    repo_gpgcheck: false,
    gpgkey: ['file:///etc/pki/rpm-gpg/RPM-GPG-KEY-EPEL-9'],
    priority: 99,
    module_hotfixes: false,
    skip_if_unavailable: false,
    sslverify: true,
    sslcacert: '',
    sslclientcert: '',
    sslclientkey: '',
    username: '',
  },
])}
`

test('parseDnf5Dump() reads the enabled repositories', () => {
  const found = parseDnf5Dump(DNF5)
  assert.deepEqual(
    found.map(({ id }) => id),
    ['fedora', 'fedora-cisco-openh264', 'local', 'copr:copr.fedorainfracloud.org:group_x:tools'],
  )
  assert.deepEqual(found[0], {
    id: 'fedora',
    name: 'Fedora 43 - x86_64',
    baseurl: [],
    metalink: 'https://mirrors.fedoraproject.org/metalink?repo=fedora-43&arch=x86_64',
    mirrorlist: '',
    gpgcheck: true,
    repo_gpgcheck: false,
    gpgkey: [KEY],
    priority: 99,
    module_hotfixes: false,
    skip_if_unavailable: false,
    sslverify: true,
    sslcacert: '',
    sslclientcert: '',
    sslclientkey: '',
    username: '',
  })
})

test('a Fedora chroot uses the repositories that Fedora requires, through their metalinks', () => {
  const { repos, leftOut } = chrootRepositories(parseDnf5Dump(DNF5))
  const none = { repo_gpgcheck: null }
  assert.deepEqual(repos, [
    {
      ...none,
      id: 'fedora',
      name: 'Fedora 43 - x86_64',
      baseurl: '',
      metalink: 'https://mirrors.fedoraproject.org/metalink?repo=fedora-43&arch=x86_64',
      gpgcheck: true,
      gpgkey: KEY,
      priority: null,
      module_hotfixes: null,
    },
    {
      ...none,
      id: 'local',
      name: 'Local',
      baseurl: 'https://one.example.org/43/x86_64/',
      gpgcheck: false,
      gpgkey: `${KEY} file:///etc/pki/rpm-gpg/two`,
      priority: 10,
      module_hotfixes: true,
    },
  ])
  assert.deepEqual(
    leftOut.map(({ id }) => id),
    ['copr:copr.fedorainfracloud.org:group_x:tools', 'fedora-cisco-openh264'],
  )
  ChrootConfig.parse({ name: 'fedora-43-x86_64', repos, install: ['bash'] })
})

test('the repositories of a RHEL chroot name the certificates of its subscription', () => {
  const { repos, leftOut } = chrootRepositories(parseDnf4Dump(DNF4))
  assert.deepEqual(leftOut, [])
  assert.deepEqual(
    repos.map(({ id, baseurl, metalink, sslclientcert, sslcacert }) => [
      id,
      baseurl,
      metalink,
      sslclientcert,
      sslcacert,
    ]),
    [
      [
        'rhel-9-for-x86_64-baseos-rpms',
        'https://cdn.redhat.com/content/dist/rhel9/9/x86_64/baseos/os',
        undefined,
        '/etc/pki/entitlement/123.pem',
        '/etc/rhsm/ca/redhat-uep.pem',
      ],
      [
        'epel',
        '',
        'https://mirrors.fedoraproject.org/metalink?repo=epel-9&arch=x86_64',
        undefined,
        undefined,
      ],
    ],
  )
  ChrootConfig.parse({ name: 'rhel-9-x86_64', repos, install: ['bash'] })
})

const BASE = parseDnf4Dump(DNF4)[1]!
for (const [changes, reason] of [
  [{ username: 'me' }, /password/],
  [{ sslverify: false }, /sslverify=0/],
  [{ metalink: '' }, /no address/],
  [{ metalink: '', baseurl: ['media://dvd'] }, /neither http, https nor file/],
  [{ id: 'coprdep:x' }, /project/],
] as [Partial<DnfRepository>, RegExp][])
  test(`a repository with ${JSON.stringify(changes)} is left out`, () => {
    const { repos, leftOut } = chrootRepositories([BASE, { ...BASE, id: 'other', ...changes }])
    assert.deepEqual(
      repos.map(({ id }) => id),
      ['epel'],
    )
    assert.match(leftOut[0]?.reason ?? '', reason)
  })

test('if dnf may skip every repository, the chroot has all of them', () => {
  const { repos } = chrootRepositories([{ ...BASE, skip_if_unavailable: true }])
  assert.equal(repos.length, 1)
})

test('parseDnf4Dump() reports unexpected output of dnf', () => {
  assert.throws(() => parseDnf4Dump('No module named dnf'), /No module named dnf/)
})
