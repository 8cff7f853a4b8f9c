// A service on axios. It holds one token, and a timer asks for the next before that expires. (In the field some
// milliseconds before; here as long as a busy machine may need.)
const { readFileSync } = require('node:fs');
const { basename } = require('node:path');
const axios = require('axios');

const { BASE_URL: base, APPLICATION_ID: id, APPLICATION_SECRET: secret, PACKAGE: file } = process.env;

class Eqp {
  // The base URL has the version in it, as in the documentation's examples.
  constructor(baseURL, username, password) {
    this.http = axios.create({ baseURL, timeout: 60000 });
    this.auth = { username, password };
    this.tokens = 0;
  }

  async authenticate() {
    const { data } = await this.http.post('app/session/token', { grant_type: 'session', expires_in: 4 }, {
      auth: this.auth,
      headers: { Authorization: undefined },
    });
    this.tokens++;
    this.account = data.mage_id;
    this.http.defaults.headers.common.Authorization = `Bearer ${data.ust}`;
    this.timer = setTimeout(() => this.authenticate().catch((error) => console.error(`${error}`)), data.expires_in * 1000 - 2500);
  }

  close() {
    clearTimeout(this.timer);
  }

  async upload(files) {
    const form = new FormData();
    for (const [name, type, content] of files) form.append('file[]', new Blob([content], { type }), name);
    return (await this.http.post('files/uploads/', form)).data.map((one) => one.file_upload_id);
  }
}

async function main() {
  const eqp = new Eqp(`${base}/rest/v1/`, id, secret);
  await eqp.authenticate();
  const user = `users/${eqp.account}`;

  const url = 'https://developer.example.com/callback';
  const { data: profile } = await eqp.http.put(user, { action: 'api_callbacks', api_callbacks: [{ name: 'axios', url, username: 'u', password: 'p' }] });
  const label = encodeURIComponent('axios');
  await eqp.http.post(`${user}/keys`, { m2: [{ label: 'axios' }] });
  const { data: keys } = await eqp.http.get(`${user}/keys`, { params: { type: 'm2', label: 'axios' } });
  const { status: removed } = await eqp.http.delete(`${user}/keys/${label}`);

  const [code, manual, image] = await eqp.upload([
    [basename(file), 'application/zip', readFileSync(file)],
    ['user.pdf', 'application/pdf', '%PDF-1.7'],
    ['icon.png', 'image/png', 'PNG'],
  ]);
  let upload;
  do {
    await new Promise((resolve) => setTimeout(resolve, 250));
    ({ data: upload } = await eqp.http.get(`files/uploads/${code}`));
  } while (['queued', 'in-progress'].includes(upload.malware_status));

  const draft = { item_id: 'axios', type: 'extension', platform: 'M2', name: 'By axios', version: '2.0.0', long_description: 'x' };
  const { data: [first] } = await eqp.http.post('products/packages', [draft]);
  await eqp.http.put(`products/packages/${first.submission_id}`, {
    release_notes: 'None.',
    version_compatibility: [{ edition: 'CE', versions: ['2.4'] }],
    artifact: { file_upload_id: code },
    documentation_artifacts: { user: { file_upload_id: manual } },
    media_artifacts: { icon_image: { file_upload_id: image }, gallery_images: [{ file_upload_id: image }] },
    categories: ['//Extensions//Marketing//SEO/SEM'],
    license_type: 'bsd',
  });
  const { data: outcome } = await eqp.http.put(`products/packages/${first.submission_id}`, { action: { technical: 'submit', marketing: 'submit' } });

  // As long as it takes until the timer has been at work.
  while (eqp.tokens < 3) await new Promise((resolve) => setTimeout(resolve, 50));
  const list = await eqp.http.get('products/packages', { params: { sort: '-created_at', limit: -1 } });
  const { data: metrics } = await eqp.http.get('reports/metrics');
  eqp.close();

  console.log(JSON.stringify({
    account: eqp.account,
    callback: profile.api_callbacks[0].url,
    keys: keys.m2.length,
    removed,
    submission: first.submission_id,
    technical: outcome.eqp_status.technical,
    file: code,
    hash: upload.file_hash,
    total: Number(list.headers['x-total-count']),
    metrics: metrics.length,
    tokens: eqp.tokens,
  }));
}

main().catch((error) => {
  console.error(error.response ? `${error.config.url}: ${error.response.status} ${JSON.stringify(error.response.data)}` : error);
  process.exitCode = 1;
});
