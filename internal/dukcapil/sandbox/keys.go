package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/sesuai/sesuai/internal/atomicfile"
)

// rsaBits is the size of a new key. The size of the real one is not known.
const rsaBits = 2048

// OpenPrivateKey reads the RSA key (PKCS #8, PEM) at path. If there is no file,
// it creates a key that only its owner can read. It writes the public key (PKIX,
// PEM) to PublicKeyPath.
func OpenPrivateKey(path string) (*rsa.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makePrivateKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s is not a PEM file", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no PKCS #8 key", path)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no RSA key", path)
	}
	return private, writePublicKey(path, private)
}

// PublicKeyPath returns the path of the public key of the private key at path.
func PublicKeyPath(path string) string { return path + ".pub" }

func makePrivateKey(path string) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(path, 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		return nil, err
	}
	return key, writePublicKey(path, key)
}

func writePublicKey(path string, key *rsa.PrivateKey) error {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return writePEM(PublicKeyPath(path), 0o644, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// OpenCertificate reads the certificate and key at the two paths. If neither
// exists, it creates a key and a self-signed certificate for the host names and
// addresses in hosts.
func OpenCertificate(certPath, keyPath string, hosts []string, now time.Time) (tls.Certificate, error) {
	_, err1 := os.Stat(certPath)
	_, err2 := os.Stat(keyPath)
	if errors.Is(err1, fs.ErrNotExist) && errors.Is(err2, fs.ErrNotExist) {
		if err := makeCertificate(certPath, keyPath, hosts, now); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.LoadX509KeyPair(certPath, keyPath)
}

func makeCertificate(certPath, keyPath string, hosts []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Sesuai dukcapil-sandbox"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(keyPath, 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}); err != nil {
		return err
	}
	return writePEM(certPath, 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Pin returns the SHA-256 of a certificate's SubjectPublicKeyInfo, by which a
// client can authenticate the server without a CA.
func Pin(c tls.Certificate) ([sha256.Size]byte, error) {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(leaf.RawSubjectPublicKeyInfo), nil
}

// writePEM writes a PEM file atomically, and creates its folder. It replaces an
// existing file.
func writePEM(path string, perm fs.FileMode, block *pem.Block) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, perm, func(w io.Writer) error { return pem.Encode(w, block) })
}
