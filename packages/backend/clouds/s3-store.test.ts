import { after } from 'node:test'
import { storeSuite } from '../src/testing/store-suite.ts'
import { endServer, s3Fixture } from './s3-fixture.ts'

after(endServer)

storeSuite('the results store in S3', s3Fixture)
