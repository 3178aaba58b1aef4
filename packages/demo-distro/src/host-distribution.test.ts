import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChrootName } from '@copr/contract/names'
import { type HostDescription, hostDistribution } from './host-distribution.ts'

const dpkg: HostDescription = { arch: 'x86_64', managedBy: 'dpkg' }
const rpm: HostDescription = { arch: 'x86_64', managedBy: 'rpm' }
const other: HostDescription = { arch: 'x86_64', managedBy: undefined }
const arm = (facts: HostDescription): HostDescription => ({ ...facts, arch: 'aarch64' })

const DEBIAN_12 = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
`
const DEBIAN_13 = `PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
NAME="Debian GNU/Linux"
VERSION_ID="13"
VERSION="13 (trixie)"
VERSION_CODENAME=trixie
DEBIAN_VERSION_FULL=13.2
ID=debian
HOME_URL="https://www.debian.org/"
`
const UBUNTU_24_04 = `PRETTY_NAME="Ubuntu 24.04.3 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.3 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
HOME_URL="https://www.ubuntu.com/"
UBUNTU_CODENAME=noble
LOGO=ubuntu-logo
`
const FEDORA = (version: string, product: string): string => `NAME="Fedora Linux"
VERSION="${version} (Server Edition)"
RELEASE_TYPE=stable
ID=fedora
VERSION_ID=${version}
VERSION_CODENAME=""
PRETTY_NAME="Fedora Linux ${version} (Server Edition)"
CPE_NAME="cpe:/o:fedoraproject:fedora:${version}"
REDHAT_BUGZILLA_PRODUCT="Fedora"
REDHAT_BUGZILLA_PRODUCT_VERSION=${product}
REDHAT_SUPPORT_PRODUCT="Fedora"
REDHAT_SUPPORT_PRODUCT_VERSION=${product}
VARIANT="Server Edition"
VARIANT_ID=server
`
const REBUILD = (id: string, name: string, version: string): string => `NAME="${name}"
VERSION="${version}"
ID="${id}"
ID_LIKE="rhel centos fedora"
VERSION_ID="${version}"
PLATFORM_ID="platform:el${version.split('.')[0]}"
PRETTY_NAME="${name} ${version}"
`
const RHEL = (version: string): string => `NAME="Red Hat Enterprise Linux"
VERSION="${version} (Plow)"
ID="rhel"
ID_LIKE="${version.startsWith('10') ? 'centos fedora' : 'fedora'}"
VERSION_ID="${version}"
PLATFORM_ID="platform:el${version.split('.')[0]}"
PRETTY_NAME="Red Hat Enterprise Linux ${version} (Plow)"
`
const STREAM = (version: string): string => `NAME="CentOS Stream"
VERSION="${version}"
ID="centos"
ID_LIKE="rhel fedora"
VERSION_ID="${version}"
PLATFORM_ID="platform:el${version}"
PRETTY_NAME="CentOS Stream ${version}"
`

for (const [text, facts, chroot] of [
  [DEBIAN_12, dpkg, 'debian-12-x86_64'],
  [DEBIAN_12, arm(dpkg), 'debian-12-aarch64'],
  [DEBIAN_13, dpkg, 'debian-13-x86_64'],
  [UBUNTU_24_04, dpkg, 'ubuntu-24.04-x86_64'],
  [UBUNTU_24_04, arm(dpkg), 'ubuntu-24.04-aarch64'],
  // 64-bit Raspberry Pi OS identifies itself as Debian.
  [DEBIAN_13, arm(dpkg), 'debian-13-aarch64'],
  [
    'NAME="Linux Mint"\nVERSION="22.1 (Xia)"\nID=linuxmint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="Linux Mint 22.1"\nVERSION_ID="22.1"\nUBUNTU_CODENAME=noble\n',
    dpkg,
    'ubuntu-24.04-x86_64',
  ],
  [
    'PRETTY_NAME="LMDE 6 (faye)"\nNAME="LMDE"\nVERSION_ID="6"\nID=linuxmint\nID_LIKE=debian\nDEBIAN_CODENAME=bookworm\n',
    dpkg,
    'debian-12-x86_64',
  ],
  [
    'NAME="Pop!_OS"\nVERSION="24.04 LTS"\nID=pop\nID_LIKE="ubuntu debian"\nPRETTY_NAME="Pop!_OS 24.04 LTS"\nVERSION_ID="24.04"\nUBUNTU_CODENAME=noble\n',
    dpkg,
    'ubuntu-24.04-x86_64',
  ],
] as const)
  test(`hostDistribution() chooses ${chroot} for Debian packages`, () => {
    const host = hostDistribution(text, facts)
    assert.equal(host.kind, 'debian-like')
    assert.equal(host.kind === 'debian-like' && ChrootName.parse(host.chroot), chroot)
  })

for (const [text, facts, chroot] of [
  [FEDORA('42', '42'), rpm, 'fedora-42-x86_64'],
  [FEDORA('43', '43'), rpm, 'fedora-43-x86_64'],
  [FEDORA('43', '43'), arm(rpm), 'fedora-43-aarch64'],
  [FEDORA('44', 'rawhide'), rpm, 'fedora-rawhide-x86_64'],
  [RHEL('8.10'), rpm, 'rhel-8-x86_64'],
  [RHEL('9.6'), rpm, 'rhel-9-x86_64'],
  [RHEL('10.0'), arm(rpm), 'rhel-10-aarch64'],
  [STREAM('9'), rpm, 'centos-stream-9-x86_64'],
  [STREAM('10'), rpm, 'centos-stream-10-x86_64'],
  [REBUILD('rocky', 'Rocky Linux', '9.6'), rpm, 'rocky-9-x86_64'],
  [REBUILD('almalinux', 'AlmaLinux', '10.0'), rpm, 'almalinux-10-x86_64'],
  [
    'NAME="Oracle Linux Server"\nVERSION="9.6"\nID="ol"\nID_LIKE="fedora"\nVARIANT="Server"\nVERSION_ID="9.6"\nPRETTY_NAME="Oracle Linux Server 9.6"\n',
    rpm,
    'oraclelinux-9-x86_64',
  ],
  [
    'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\nPRETTY_NAME="Amazon Linux 2023.9.20251117"\n',
    rpm,
    'amazonlinux-2023-x86_64',
  ],
  [REBUILD('eurolinux', 'EuroLinux', '9.5'), rpm, 'eurolinux-9-x86_64'],
  // A mini distribution that is installed as an operating system: it has Debian's os-release, but no dpkg.
  [DEBIAN_12, rpm, 'debian-12-x86_64'],
] as const)
  test(`hostDistribution() chooses ${chroot} for the machine's own repositories`, () => {
    const host = hostDistribution(text, facts)
    assert.equal(host.kind, 'dnf')
    assert.equal(host.kind === 'dnf' && ChrootName.parse(host.chroot), chroot)
  })

for (const [text, facts, reason] of [
  [
    'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nVERSION_ID="11"\nID=debian\nVERSION_CODENAME=bullseye\n',
    dpkg,
    /for Debian GNU\/Linux 11 \(bullseye\): Debian 12, Debian 13 and Ubuntu 24.04 have one/,
  ],
  // Debian testing has no VERSION_ID.
  [
    'PRETTY_NAME="Debian GNU/Linux forky/sid"\nNAME="Debian GNU/Linux"\nVERSION_CODENAME=forky\nID=debian\n',
    dpkg,
    /forky\/sid: Debian 12, Debian 13/,
  ],
  [
    'PRETTY_NAME="Ubuntu 22.04.5 LTS"\nVERSION_ID="22.04"\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=jammy\n',
    dpkg,
    /Ubuntu 22.04.5 LTS: .* Ubuntu 24.04/,
  ],
  [
    'PRETTY_NAME="Ubuntu 24.10"\nVERSION_ID="24.10"\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=oracular\n',
    dpkg,
    /Ubuntu 24.10: .* Ubuntu 24.04/,
  ],
  [
    'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="Linux Mint 21.3"\nVERSION_ID="21.3"\nUBUNTU_CODENAME=jammy\n',
    dpkg,
    /Linux Mint 21.3: Debian 12/,
  ],
  [
    'PRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=raspbian\nID_LIKE=debian\n',
    { ...dpkg, arch: 'armv7l' },
    /runs on armv7l: only x86_64 and aarch64/,
  ],
  [
    'NAME="openSUSE Leap"\nVERSION="15.6"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\nPRETTY_NAME="openSUSE Leap 15.6"\n',
    rpm,
    /openSUSE Leap 15.6 manages its packages with zypper/,
  ],
  [
    'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n',
    other,
    /Arch Linux: Debian 12/,
  ],
  [
    'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.2\nPRETTY_NAME="Alpine Linux v3.22"\n',
    other,
    /Alpine Linux v3.22: Debian 12/,
  ],
  [
    `ID=nixos\nNAME=NixOS\nPRETTY_NAME='NixOS 25.05 (Warbler)'\nVERSION_ID="25.05"\n`,
    other,
    /NixOS 25.05 \(Warbler\): Debian 12/,
  ],
  ['', other, /an unknown system/],
] as const)
  test(`hostDistribution() has no chroot for ${/PRETTY_NAME=(.*)/.exec(text)?.[1] ?? 'an empty os-release'}`, () => {
    const host = hostDistribution(text, facts)
    assert.equal(host.kind, 'none')
    assert.match(host.kind === 'none' ? host.reason : '', reason)
  })
