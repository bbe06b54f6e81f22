# The template of the Homebrew formula; `npm run release` fills in what stands between @ signs.
class Rdsiam < Formula
  desc "PostgreSQL tools on Amazon RDS and Aurora with IAM authentication"
  homepage "https://github.com/@REPOSITORY@"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/rdsiam-@VERSION@-darwin-arm64.tar.gz"
      sha256 "@SHA256 darwin-arm64@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/rdsiam-@VERSION@-darwin-x64.tar.gz"
      sha256 "@SHA256 darwin-x64@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/rdsiam-@VERSION@-linux-arm64.tar.gz"
      sha256 "@SHA256 linux-arm64@"
    end
    on_intel do
      url "https://github.com/@REPOSITORY@/releases/download/v@VERSION@/rdsiam-@VERSION@-linux-x64.tar.gz"
      sha256 "@SHA256 linux-x64@"
    end
  end

  def install
    bin.install "rdsiam"
    bash_completion.install "completions/rdsiam.bash" => "rdsiam"
    zsh_completion.install "completions/_rdsiam"
    fish_completion.install "completions/rdsiam.fish"
    man1.install "man/rdsiam.1"
  end

  def caveats
    <<~EOS
      rdsiam starts the psql and pg_dump that are on your PATH. If there are none:
        brew install libpq && brew link --force libpq
    EOS
  end

  test do
    assert_equal version.to_s, shell_output("#{bin}/rdsiam --version").strip
    assert_match "no target", shell_output("#{bin}/rdsiam token 2>&1", 125)
  end
end
