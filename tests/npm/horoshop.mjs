// Calls functions of a Horoshop shop by way of an independent client: `node horoshop.mjs <the client's module> <job>`,
// the job as JSON {domain, login, password, calls: [[function, parameters]…]}. Prints [{ok, status, data, message}…].
const [module, job] = process.argv.slice(2);
const { HoroshopClient } = await import(module);
const { calls, ...account } = JSON.parse(job);
const client = new HoroshopClient({ ...account, protocol: 'http', timeoutMs: 20_000 });
const told = [];
for (const [name, parameters] of calls) {
  try {
    told.push(await client.call(name, parameters));
  } catch (error) {
    told.push({ ok: false, status: error.name, data: null, message: error.message });
  }
}
console.log(JSON.stringify(told));
