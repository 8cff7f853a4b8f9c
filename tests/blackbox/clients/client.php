<?php
// A client of the EQP API as a PHP shop has it, on the curl extension: settings from the environment.

final class EqpClient
{
    private string $token = '';

    public function __construct(private string $baseUrl, private string $id, private string $secret)
    {
    }

    private function call(string $method, string $path, array $options): array
    {
        $curl = curl_init(rtrim($this->baseUrl, '/') . '/' . $path);
        curl_setopt_array($curl, $options + [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => true,
            CURLOPT_TIMEOUT => 30,
            CURLOPT_ENCODING => '',
        ]);
        $body = curl_exec($curl);
        if ($body === false) {
            throw new RuntimeException(curl_error($curl));
        }
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $answer = json_decode($body, true, 16, JSON_THROW_ON_ERROR);
        if ($status >= 400) {
            echo "error $status {$answer['message']}\n";
            exit(0);
        }
        return $answer;
    }

    public function login(): array
    {
        $session = $this->call('POST', 'rest/v1/app/session/token', [
            CURLOPT_HTTPAUTH => CURLAUTH_BASIC,
            CURLOPT_USERPWD => "{$this->id}:{$this->secret}",
            CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Expect: 100-continue'],
            CURLOPT_POSTFIELDS => json_encode(['grant_type' => 'session', 'expires_in' => 7200]),
        ]);
        $this->token = $session['ust'];
        return $session;
    }

    public function account(string $mageId): array
    {
        return $this->call('GET', "rest/v1/users/$mageId", [
            CURLOPT_HTTPHEADER => ["Authorization: Bearer {$this->token}"],
        ]);
    }
}

$client = new EqpClient(getenv('BASE_URL'), getenv('APPLICATION_ID'), getenv('APPLICATION_SECRET'));
$session = $client->login();
echo "token {$session['ust']} {$session['expires_in']}\n";
echo "account {$client->account($session['mage_id'])['mage_id']}\n";
