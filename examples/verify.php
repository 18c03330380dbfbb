<?php
// Verifies a person with PHP 8's standard library: neither the extension curl nor a package.
//
//   php verify.php NIK NAME DD-MM-YYYY PHOTOGRAPH
//
// The exit status is 0 if the person is verified, 1 if something differs, and 2 if there is no
// answer. Every user of a machine can see arguments: in a real program a claim comes from elsewhere.
declare(strict_types=1);

/** Nothing is known about the person. $after is the pause before another attempt, null if that is of no use. */
final class NoAnswer extends Exception
{
    public function __construct(string $text, public readonly ?int $after)
    {
        parent::__construct($text);
    }
}

/** Returns a body of multipart/form-data. */
function form(string $boundary, array $fields, string $photo): string
{
    $body = '';
    foreach ($fields as $name => $text) {
        $body .= "--$boundary\r\nContent-Disposition: form-data; name=\"$name\"\r\n\r\n$text\r\n";
    }
    return "$body--$boundary\r\nContent-Disposition: form-data; name=\"face_image\"; filename=\"photo\"\r\n\r\n$photo\r\n--$boundary--\r\n";
}

/** Asks once. */
function post(array $headers, string $body): array
{
    $stream = @fopen(getenv('API_URL') . '/identity/v1/face-verification', 'rb', false, stream_context_create(['http' => [
        'method' => 'POST', 'header' => $headers, 'content' => $body, 'timeout' => 60,
        'ignore_errors' => true, // read the body of every status
        'follow_location' => 0, // a redirect would carry the credentials on
    ]]));
    if ($stream === false) {
        throw new NoAnswer('no response', 0);
    }
    $lines = stream_get_meta_data($stream)['wrapper_data'];
    $status = (int) explode(' ', $lines[0])[1];
    $after = null;
    foreach ($lines as $line) {
        if (preg_match('/^Retry-After: *(\d+)$/i', $line, $m)) {
            $after = (int) $m[1];
        }
    }
    $answer = json_decode((string) stream_get_contents($stream, 1 << 20), true);
    fclose($stream);
    if ($status === 200 && isset($answer['verification_status'])) {
        return $answer;
    }
    if ($after === null && in_array($status, [429, 502, 503, 504], true)) {
        $after = 0;
    }
    throw new NoAnswer($status . ' ' . ($answer['guidance']['en'] ?? $answer['reason'] ?? $answer['error'] ?? ''), $after);
}

/** Asks up to four times, with one Idempotency-Key. */
function verify(string $nik, string $name, string $born, string $path): array
{
    $key = bin2hex(random_bytes(16));
    $body = form($key, ['nik' => $nik, 'name' => $name, 'date_of_birth' => $born], file_get_contents($path));
    $headers = [
        'Authorization: Basic ' . base64_encode(getenv('API_USERNAME') . ':' . getenv('API_PASSWORD')),
        'x-api-key: ' . getenv('API_KEY'),
        "Content-Type: multipart/form-data; boundary=$key",
        "Idempotency-Key: $key",
        "X-Request-Id: $key",
    ];
    for ($attempt = 0;; $attempt++) {
        try {
            return post($headers, $body);
        } catch (NoAnswer $e) {
            if ($e->after === null || $attempt === 3) {
                throw $e;
            }
            sleep(max($e->after, 2 ** $attempt));
        }
    }
}

try {
    $answer = verify(...array_slice($argv, 1, 4));
} catch (NoAnswer $e) {
    fwrite(STDERR, 'no answer: ' . $e->getMessage() . "\n");
    exit(2);
}
if (!$answer['verification_status']) {
    echo 'not verified: ', $answer['reason'], "\n";
    exit(1);
}
echo 'verified: ', $answer['result']['face_image_percentage'], "\n";
