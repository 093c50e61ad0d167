// Africa's Talking's Node SDK against the simulators.
//
// Usage: node africastalking_node.js http://127.0.0.1:8090

const Common = require('africastalking/lib/common')

const base = process.argv[2].replace(/\/$/, '')
const rider = '+254711000001'
const ours = '+254711082000'
let failed = false

async function check (what, call, good) {
  let seen
  try {
    seen = await call()
  } catch (error) {
    seen = error
  }
  const passed = good(seen)
  failed = failed || !passed
  console.log(passed ? 'ok  ' : 'FAIL', what, passed ? '' : seen)
}

async function main () {
  const client = require('africastalking')({ username: 'sandbox', apiKey: 'demo' })
  // The addresses are exported constants that most services read at the time of a call.
  Common.SMS_URL = base + '/version1/messaging'
  Common.CONTENT_URL = base + '/version1'
  Common.VOICE_URL = base
  Common.AUTH_TOKEN_URL = base + '/auth-token/generate'

  const row = sent => sent.SMSMessageData.Recipients[0]
  await check('SMS.send', () => client.SMS.send({ to: [rider], message: 'Habari', from: '22384' }),
    sent => row(sent).statusCode === 102)
  await check('SMS.send, enqueue', () => client.SMS.send({ to: [rider], message: 'Habari', enqueue: true }),
    sent => row(sent).status === 'Success')
  await check('SMS.sendPremium', () => client.SMS.sendPremium({ to: [rider], message: 'Habari', from: '22384', keyword: 'BAL', linkId: '1' }),
    sent => sent.SMSMessageData.Message === 'Sent to 1/1')
  await check('SMS.fetchMessages', () => client.SMS.fetchMessages({ lastReceivedId: 0 }),
    fetched => Array.isArray(fetched.SMSMessageData.Messages))
  await check('SMS.createSubscription', () => client.SMS.createSubscription({ shortCode: '22384', keyword: 'RIDER', phoneNumber: rider }),
    made => made.status === 'Success')
  await check('SMS.fetchSubscription', () => client.SMS.fetchSubscription({ shortCode: '22384', keyword: 'RIDER', lastReceivedId: 0 }),
    fetched => Array.isArray(fetched.responses))
  await check('SMS.deleteSubscription', () => client.SMS.deleteSubscription({ shortCode: '22384', keyword: 'RIDER', phoneNumber: rider }),
    made => made.status === 'Success')
  await check('TOKEN.generateAuthToken', () => client.TOKEN.generateAuthToken(),
    made => made.token !== 'None' && made.lifetimeInSeconds === 3600)
  await check('VOICE.call', () => client.VOICE.call({ callFrom: ours, callTo: [rider] }),
    called => called.entries[0].status === 'Queued')
  await check('VOICE.getNumQueuedCalls', () => client.VOICE.getNumQueuedCalls({ phoneNumbers: ours }),
    queued => queued.status === 'Success')
  await check('VOICE.uploadMediaFile', () => client.VOICE.uploadMediaFile({ phoneNumber: ours, url: 'https://example.test/prompt.mp3' }),
    uploaded => uploaded !== undefined && !(uploaded instanceof Error))

  process.exit(failed ? 1 : 0)
}

main()
