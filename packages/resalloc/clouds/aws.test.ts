import { providerSuite } from '../src/testing/provider-suite.ts'
import { awsFixture } from './aws-fixture.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0ZQ3L0b9xq4Q7fUuV2s1rJmQ3eRZl8m0D9o1aBcDeF admin'

providerSuite('aws on demand', async () => await awsFixture())
providerSuite(
  'aws by spot, with SSH',
  async () =>
    await awsFixture({ purchase: ['spot'], ssh_from: ['192.0.2.0/24'], ssh_public_key: KEY }),
)
