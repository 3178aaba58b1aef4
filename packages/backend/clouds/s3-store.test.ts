import { after } from 'node:test'
import { storeSuite } from '../src/testing/store-suite.ts'
import { endServer, s3World } from './s3-world.ts'

after(endServer)

storeSuite('the results store in S3', s3World)
