import { type Fault, underLoad } from './under-load.ts'

const vanished = underLoad({
  name: 'network drops every packet for 5 s',
  route: 'proxy',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    stage.proxy.blackHole()
    await Bun.sleep(5000)
    await stage.proxy.pass()
    await recoveries.end()
    await Bun.sleep(2000)
  },
})

const slow = underLoad({
  name: 'network delays by 100 ms each way',
  route: 'proxy',
  // A request takes 0.2 s then: ten connections carry fifty a second.
  requestsPerSecond: 40,
  async inject({ stage, measurements, recoveries }) {
    const from = performance.now()
    stage.proxy.delay(100)
    await Bun.sleep(5000)
    const failed = measurements.between(from, performance.now()).filter(({ outcome }) => outcome !== 'ok')
    if (failed.length > 0) stage.failures.push(`${failed.length} requests failed that were only slow`)
    await stage.proxy.pass()
    await recoveries.end()
  },
})

const slowAndFull = underLoad({
  name: 'network delays by 100 ms each way, more load than fits',
  route: 'proxy',
  clients: 32,
  async inject({ stage, recoveries }) {
    stage.proxy.delay(100)
    await Bun.sleep(5000)
    await stage.proxy.pass()
    await recoveries.end()
  },
})

const cut = underLoad({
  name: 'network cuts connections, then refuses for 2 s',
  isQuick: true,
  route: 'proxy',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 3; time += 1) {
      stage.proxy.cutAll()
      await Bun.sleep(700)
    }
    await stage.proxy.refuse()
    stage.proxy.cutAll()
    await Bun.sleep(2000)
    await stage.proxy.pass()
    await recoveries.end()
  },
})

/** Connections end at every stage of their beginning: before, in and after the authentication. */
const interrupted = underLoad({
  name: 'network cuts all connections every 7 ms for 3 s',
  route: 'proxy',
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    const until = performance.now() + 3000
    while (performance.now() < until) {
      stage.proxy.cutAll()
      await Bun.sleep(7)
    }
    await recoveries.end()
  },
})

/** Connecting takes so long that the request that it was begun for may be given up before. */
const slowToConnect = underLoad({
  name: 'network delays by 150 ms each way and cuts each 2 s',
  route: 'proxy',
  env: { DATABASE_POOL_MAX: '3' },
  feltAs: 'unavailable',
  async inject({ stage, recoveries }) {
    stage.proxy.delay(150)
    for (let time = 0; time < 4; time += 1) {
      stage.proxy.cutAll()
      await Bun.sleep(2000)
    }
    await stage.proxy.pass()
    await recoveries.end()
    // Long enough for what is still being connected, and for every request that waits for it.
    await Bun.sleep(4000)
  },
})

const halfClosed = underLoad({
  name: 'network half-closes each second',
  route: 'proxy',
  async inject({ stage, recoveries }) {
    for (let time = 0; time < 5; time += 1) {
      recoveries.begin()
      stage.proxy.halfClose()
      await recoveries.end()
      await Bun.sleep(1000)
    }
  },
})

/** The way between service and server fails. */
export const networkFaults: Fault[] = [
  cut,
  interrupted,
  vanished,
  slow,
  slowAndFull,
  slowToConnect,
  halfClosed,
]
